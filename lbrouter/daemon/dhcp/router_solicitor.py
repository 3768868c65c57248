"""Lines with `address6 = "auto"` that have no way out yet: their routers are asked."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.routing.uplink_addressing import offers
from lbrouter.daemon.reconcile.reconciler import Held
from lbrouter.kernel.l2.router_solicit import solicit
from lbrouter.kernel.probe.bound_socket import Line
from lbrouter.model.config import Uplink
from lbrouter.model.kernel_state import Family

LOOK_S: Final = 0.5
FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0
"""Between two solicitations: twice as long each time (RFC 7559)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """When the routers of an interface (by its index) are asked next."""

    index: int
    pause_s: float
    again_at: float


class Solicitor:
    """Asks, line by line, less and less often. A device that is made anew begins anew."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}

    def look(self, held: Held | None) -> None:
        """Ask on each line that waits and is due. Never raises."""
        if held is None:
            return
        for name, uplink in held.file.config.uplinks.items():
            if not _waits(uplink, held):
                self._asked.pop(name, None)
            elif self._is_due(uplink, held.found.facts.interfaces[uplink.device].index):
                number = held.found.allocation.uplinks[name]
                with suppress(OSError):
                    solicit(Line(interface=uplink.device, number=number))

    def _is_due(self, uplink: Uplink, index: int) -> bool:
        now, last = time.monotonic(), self._asked.get(uplink.name)
        if last is None or last.index != index:
            last = _Asked(index=index, pause_s=FIRST_S / 2, again_at=now)
        if now < last.again_at:
            return False
        pause_s = min(2 * last.pause_s, LONGEST_S)
        self._asked[uplink.name] = _Asked(index=index, pause_s=pause_s, again_at=now + pause_s)
        return True


def _waits(uplink: Uplink, held: Held) -> bool:
    found = held.found.facts.interfaces.get(uplink.device)
    ready = offers(uplink, Family.V6, held.found.facts)
    return uplink.auto6 and found is not None and found.up and not ready
