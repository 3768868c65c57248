"""Do the clients still get replies? Asked only while probes suffer, so it costs nothing at rest."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.health import Brain
from lbrouter.kernel.netlink.raw_dump import answers
from lbrouter.model.events import Replied

LOOK_EVERY_S: Final = 0.1
SILENT_S: Final = 0.2
"""Silence from which on it is asked: several times before the usual `down_after` is over."""

ENOUGH: Final = 3
WITHIN_S: Final = 0.5
"""So many packets in this time. A stream brings dozens; what still trickles in over a line that
loses nearly all is no reason to keep flows on it."""


class Witness:
    """Tells which uplinks still bring replies; `since` is where the count of each began."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, int]] = {}

    def look(self, brain: Brain, numbers: Mapping[str, int]) -> Iterator[Replied]:
        """What is to be told to the brain; `numbers` as allocated. Raises OSError."""
        now = time.monotonic()
        asked = [name for name in silent(brain, now) if name in numbers]
        counts = answers() if asked else {}
        since, self._since = self._since, {}
        for name in asked:
            count = counts.get(numbers[name], 0)
            at, before = since.get(name, (now, count))
            if count - before >= ENOUGH:
                yield Replied(at=now, uplink=name)
            keep = now - at < WITHIN_S and 0 <= count - before < ENOUGH
            self._since[name] = (at, before) if keep else (now, count)


def silent(brain: Brain, at: float) -> Iterator[str]:
    """Uplinks that count as alive and whose probes come to nothing right now."""
    for name, line in brain.lines.items():
        if line.heard and line.run > 0 and at - line.quiet_from > SILENT_S:
            yield name
