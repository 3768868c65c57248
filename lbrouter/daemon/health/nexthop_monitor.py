"""Whether the next hop of a dead line still answers. Checked only while a line is dead.

Probes go on by a dead line, so the kernel goes on asking for its next hop (ARP, ND).
"""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from lbrouter.compile.health import HealthState
from lbrouter.kernel.netlink.raw_dump import reachable_neighbours
from lbrouter.model.events import NexthopSeen

NEXTHOP_CHECK_INTERVAL_S: Final = 1.0


class NexthopMonitor:
    """Finds dead lines whose next hop lives."""

    def __init__(self) -> None:
        self._checked_at = float("-inf")

    def check(self, state: HealthState) -> Iterator[NexthopSeen]:
        """Events for the health tracker, once a second at most. Raises OSError."""
        now = time.monotonic()
        dead = [
            key
            for key, line in state.lines.items()
            if line.carrier and line.addressed and line.judged and not line.responding
        ]
        if not dead or now - self._checked_at < NEXTHOP_CHECK_INTERVAL_S:
            return
        self._checked_at = now
        reachable = reachable_neighbours()
        for name, family in dead:
            with suppress(OSError):  # the device is gone
                index = socket.if_nametoindex(state.config.uplinks[name].device)
                if (index, family) in reachable:
                    yield NexthopSeen(at=now, uplink=name, family=family)
