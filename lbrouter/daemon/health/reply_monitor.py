"""Whether clients still get replies by an uplink. Checked only while its probes are lost."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.health import HealthState
from lbrouter.compile.health.state import LineKey
from lbrouter.kernel.netlink.raw_dump import reply_counters
from lbrouter.model.events import RepliesSeen
from lbrouter.model.kernel_state import AddressFamily

REPLY_CHECK_INTERVAL_S: Final = 0.1
REPLY_CHECK_AFTER_SILENCE_S: Final = 0.2
"""Silence after which it is checked: several times before the usual `down_after` is over."""

MIN_REPLY_PACKETS: Final = 3
REPLY_WINDOW_S: Final = 0.5
"""At least `MIN_REPLY_PACKETS` in this time. A stream brings dozens; the few packets that pass a
line that loses nearly all are no reason to keep flows on it."""


class ReplyMonitor:
    """Finds lines that still bring replies."""

    def __init__(self) -> None:
        self._counted_since: dict[tuple[int, AddressFamily], tuple[float, int]] = {}
        """By the number of the line, which stays when the file calls it otherwise."""

    def check(self, state: HealthState, numbers: Mapping[str, int]) -> Iterator[RepliesSeen]:
        """Events for the health tracker; `numbers` as allocated. Raises OSError."""
        now = time.monotonic()
        asked = [key for key in silent_lines(state, now) if key[0] in numbers]
        counts = reply_counters() if asked else {}
        since, self._counted_since = self._counted_since, {}
        for key in asked:
            name, family = key
            line = (numbers[name], family)
            count = counts.get(line, 0)
            at, before = since.get(line, (now, count))
            if count - before >= MIN_REPLY_PACKETS:
                yield RepliesSeen(at=now, uplink=name, family=family)
            keep = now - at < REPLY_WINDOW_S and 0 <= count - before < MIN_REPLY_PACKETS
            self._counted_since[line] = (at, before) if keep else (now, count)


def silent_lines(state: HealthState, at: float) -> Iterator[LineKey]:
    """Lines that count as alive and whose latest probes are lost."""
    for key, line in state.lines.items():
        if (
            line.responding
            and line.consecutive_losses > 0
            and at - line.silent_since > REPLY_CHECK_AFTER_SILENCE_S
        ):
            yield key
