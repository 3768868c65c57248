"""`LinkSetting`: a property of an interface that lbrouter sets, and gives back on `down`."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum


class LinkProperty(StrEnum):
    """What is set, by the word that `ip link set` has for it."""

    MAC = "address"
    MTU = "mtu"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSetting:
    """The hardware address ("02:00:00:00:00:07") or the MTU ("1508", bytes) of an interface.

    Like a sysctl: set, never removed.
    """

    interface: str
    kind: LinkProperty
    value: str
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("link setting", self.interface, str(self.kind))
