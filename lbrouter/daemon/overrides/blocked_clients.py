"""Clients that an operator has shut out, by hardware address: `lbrouter block CLIENT --for 10m`.

A deadline is a time since the boot, as that of a temporary limit is (`temporary_limits`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lbrouter.compile.diagnosis.client_facts import ClientBlock
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.units import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryBlock:
    """Until when a client is shut out: `deadline` in seconds of boot `boot`; None: for good."""

    boot: str = ""
    deadline: float | None = None

    @staticmethod
    def start(within: Duration | None) -> "TemporaryBlock":
        """A block whose time starts now; None for the time: until a person ends it."""
        now = BootTime.now()
        deadline = None if within is None else now.seconds + within.seconds
        return TemporaryBlock(boot=now.boot, deadline=deadline)

    def remaining_s(self, now: BootTime) -> float | None:
        """Seconds that are left, None where only a person ends it."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - now.seconds) if self.boot == now.boot else 0.0


SavedBlocks = Mapping[str, TemporaryBlock]
"""By hardware address, as they are saved."""


@dataclass(slots=True)
class BlockTable:
    """All blocks, by hardware address."""

    _blocks: dict[str, TemporaryBlock] = field(default_factory=dict)

    def saved(self) -> SavedBlocks:
        """The table, for the disk."""
        return dict(self._blocks)

    def put(self, mac: str, block: TemporaryBlock) -> None:
        """Shut a client out, whatever held before."""
        self._blocks[mac] = block

    def remove(self, mac: str) -> bool:
        """End a block; whether there was one."""
        return self._blocks.pop(mac, None) is not None

    def remove_expired(self) -> tuple[str, ...]:
        """End the blocks whose time is over; returns their clients."""
        now = BootTime.now()
        over = tuple(mac for mac, each in self._blocks.items() if each.remaining_s(now) == 0.0)
        for mac in over:
            del self._blocks[mac]
        return over

    def in_force(self) -> frozenset[str]:
        """The clients that are shut out now."""
        now = BootTime.now()
        return frozenset(m for m, each in self._blocks.items() if each.remaining_s(now) != 0.0)

    def of(self, mac: str | None) -> ClientBlock | None:
        """The block of a client; None where it is not shut out."""
        if mac is None or mac not in self.in_force():
            return None
        return ClientBlock(left_s=self._blocks[mac].remaining_s(BootTime.now()))
