"""Router solicitations on uplinks with `address6 = "auto"` or `"dhcp"` without an IPv6 next hop."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.kernel.l2.router_solicit import solicit_routers
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import AddressFamily

SOLICIT_CHECK_INTERVAL_S: Final = 0.5
SOLICIT_FIRST_INTERVAL_S: Final = 1.0
SOLICIT_MAX_INTERVAL_S: Final = 60.0
"""Between two solicitations: twice as long each time (RFC 7559)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SolicitTimer:
    """When the next solicitation on an interface (by its index) is due."""

    index: int
    pause_s: float
    next_at: float


class RouterSolicitor:
    """Solicits on each uplink, at growing intervals. A device created again starts over."""

    def __init__(self) -> None:
        self._timers: dict[str, _SolicitTimer] = {}
        self._without_carrier: set[str] = set()

    async def run(self, applied: Callable[[], AppliedState | None]) -> None:
        """Solicit for ever, on the uplinks of what is applied."""
        while True:
            state = applied()
            if state is not None:
                snapshot = state.snapshot
                self.solicit_due(state.file.config, snapshot.facts, snapshot.allocation)
            await asyncio.sleep(SOLICIT_CHECK_INTERVAL_S)

    def solicit_due(self, config: Config, facts: Facts, allocation: Allocation) -> None:
        """Send a solicitation on each uplink that needs a router and is due. Never raises."""
        for name, uplink in config.uplinks.items():
            found = facts.interfaces.get(uplink.device)
            ready = has_nexthop(uplink, AddressFamily.V6, facts)
            if uplink.auto6 and found is not None and not found.carrier:
                self._without_carrier.add(name)  # another network may be plugged in
            elif name in self._without_carrier:
                self._without_carrier.discard(name)
                ready = False
            asks = uplink.auto6 or uplink.dhcp6
            if not (asks and found is not None and found.up and not ready):
                self._timers.pop(name, None)
            elif self._is_due(uplink, facts.interfaces[uplink.device].index):
                number = allocation.uplinks[name]
                with suppress(OSError):
                    solicit_routers(UplinkBinding(interface=uplink.device, number=number))

    def _is_due(self, uplink: Uplink, index: int) -> bool:
        now, last = time.monotonic(), self._timers.get(uplink.name)
        if last is None or last.index != index:
            last = _SolicitTimer(index=index, pause_s=SOLICIT_FIRST_INTERVAL_S / 2, next_at=now)
        if now < last.next_at:
            return False
        pause_s = min(2 * last.pause_s, SOLICIT_MAX_INTERVAL_S)
        self._timers[uplink.name] = _SolicitTimer(
            index=index, pause_s=pause_s, next_at=now + pause_s
        )
        return True
