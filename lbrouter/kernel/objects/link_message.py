"""An interface as the kernel tells it in a link message, read by hand: without pyroute2."""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from lbrouter.kernel.netlink.codec import RawMessage, native_uint
from lbrouter.model.kernel_state import DeviceKind
from lbrouter.model.reserved_ids import DEVICE_ALIAS
from lbrouter.model.validated_strings import OWN_DEVICE_PREFIX

IFINFOMSG: Final = Struct("=BBHiII")
"""linux/rtnetlink.h: family, padding, type, index, flags, change."""

RTM_GETLINK: Final = 18
IFLA_ADDRESS: Final = 1
IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_LINK: Final = 5
IFLA_LINKINFO: Final = 18
IFLA_IFALIAS: Final = 20
IFLA_EXT_MASK: Final = 29
IFLA_LINK_NETNSID: Final = 37
IFLA_PERM_ADDRESS: Final = 54
IFLA_INFO_KIND: Final = 1
IFLA_INFO_DATA: Final = 2
IFLA_VLAN_ID: Final = 1

ETHERNET_ADDRESS_BYTES: Final = 6

TUN_KIND: Final = "tun"
"""A device of ours of this kind is WireGuard by a program: we make no other."""

IFF_UP: Final = 0x1
IFF_LOWER_UP: Final = 0x10000

RTEXT_FILTER_SKIP_STATS: Final = 8
"""RTEXT_FILTER_SKIP_STATS: half of a link message is counters that are not read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An interface as the kernel shows it."""

    index: int
    name: str
    alias: str
    kind: str
    parent: int
    """Index of the interface below, 0 where that is in another namespace, whose indices differ."""
    tag: int
    flags: int
    mtu: int
    mac: str = ""
    """The hardware address that it speaks, in lower case; "" for ppp and tun."""
    permanent_mac: str = ""
    """The one that it was made with, "" where the driver does not tell."""

    @property
    def ours(self) -> bool:
        """Created by us: by its alias, or a tun device with our prefix that has none yet."""
        unmarked = self.kind == TUN_KIND and self.name.startswith(OWN_DEVICE_PREFIX)
        return self.alias == DEVICE_ALIAS or (unmarked and not self.alias)

    @property
    def up(self) -> bool:
        """Administratively up."""
        return bool(self.flags & IFF_UP)

    @property
    def carrier(self) -> bool:
        """Up, with a carrier below it."""
        return bool(self.flags & IFF_LOWER_UP)


def decode_link(answer: RawMessage) -> Link:
    """The interface that a link message of the kernel tells of."""
    _, _, _, index, flags, _ = answer.fields
    tag = answer.nested(IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_VLAN_ID)
    kind = answer.nested(IFLA_LINKINFO, IFLA_INFO_KIND).rstrip(b"\0").decode()
    return Link(
        index=index,
        name=answer.text(IFLA_IFNAME),
        alias=answer.text(IFLA_IFALIAS),
        kind=kind,
        parent=0 if answer.raw(IFLA_LINK_NETNSID) else answer.integer(IFLA_LINK),
        tag=native_uint(tag) if kind == DeviceKind.VLAN else 0,
        flags=flags,
        mtu=answer.integer(IFLA_MTU),
        mac=_mac_text(answer.raw(IFLA_ADDRESS)),
        permanent_mac=_mac_text(answer.raw(IFLA_PERM_ADDRESS)),
    )


def _mac_text(address: bytes) -> str:
    """An Ethernet address as people write it; "" for any other kind, and for all zeros."""
    return address.hex(":") if len(address) == ETHERNET_ADDRESS_BYTES and any(address) else ""
