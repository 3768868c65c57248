"""Whether the next hop of a dead line still answers. Checked only while a line is dead.

Probes go on by a dead line, so the kernel goes on asking for its next hop (ARP, ND). What counts as
an answer is told by the same function that the facts have it from.
"""

import time
from collections.abc import Iterator
from typing import Final

from lbrouter.compile.health import HealthState
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.kernel.neighbours.nexthop_neighbours import answering_nexthops
from lbrouter.model.events import NexthopSeen
from lbrouter.model.facts import Facts

NEXTHOP_CHECK_INTERVAL_S: Final = 1.0


class NexthopMonitor:
    """Finds dead lines whose next hop lives."""

    def __init__(self) -> None:
        self._checked_at = float("-inf")

    def check(self, state: HealthState, facts: Facts) -> Iterator[NexthopSeen]:
        """Events for the health tracker, once a second at most; `facts` has the addresses."""
        now = time.monotonic()
        dead = [
            key
            for key, line in state.lines.items()
            if line.carrier and line.addressed and line.judged and not line.responding
        ]
        if not dead or now - self._checked_at < NEXTHOP_CHECK_INTERVAL_S:
            return
        self._checked_at = now
        for name, family in dead:
            uplink = state.config.uplinks[name]
            way = uplink_nexthop(uplink, family, facts)
            if way is None or way.gateway is None:
                continue
            if answering_nexthops([(uplink.device, way.gateway)], facts.interfaces):
                yield NexthopSeen(at=now, uplink=name, family=family)
