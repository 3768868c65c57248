"""Tells of a link that names more neighbours than its share (rulesets/neighbour-bounds.nft)."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from lbrouter.compile.firewall.neighbour_bounds import link_names
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.kernel.netlink.raw_dump import refused_neighbours
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

NEIGHBOUR_WATCH_INTERVAL_S: Final = 5.0
NEIGHBOURS_QUIET_AFTER_S: Final = 60.0
"""After this long without a refusal the next one is told again."""


class NeighbourWatch:
    """Compares the counters of refused neighbours with what they were."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._counts: Mapping[str, int] = {}
        self._refused_at: dict[str, float] = {}

    async def run(self, applied: Callable[[], AppliedState | None]) -> None:
        """Watch for ever, by what is applied."""
        while True:
            state = applied()
            if state is not None:
                names = link_names(state.file.config, state.snapshot.allocation)
                with suppress(OSError):
                    self.tell(names, refused_neighbours())
            await asyncio.sleep(NEIGHBOUR_WATCH_INTERVAL_S)

    def tell(self, names: Mapping[str, tuple[str, str]], counts: Mapping[str, int]) -> None:
        """Tell of each link whose counter has grown; a ruleset loaded again begins at zero."""
        now = time.monotonic()
        grown = [link for link, count in counts.items() if count > self._counts.get(link, 0)]
        self._counts = counts
        for link in grown:
            quiet_s = now - self._refused_at.get(link, float("-inf"))
            self._refused_at[link] = now
            if quiet_s > NEIGHBOURS_QUIET_AFTER_S and link in names:
                kind, name = names[link]
                said = message(EventCode.NEIGHBOURS_FULL, **{kind: name})
                self._journal.log("trouble", said, subject=name)
