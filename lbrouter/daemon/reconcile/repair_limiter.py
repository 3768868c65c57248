"""Limits repairs: when to check after another program changed our objects."""

from collections import deque
from typing import Final

NOTICE_COALESCE_S: Final = 0.25
"""Notices within this time are repaired by one reconcile."""

REPAIR_BURST: Final = 10
REPAIR_SLOW_INTERVAL_S: Final = 5.0
"""After ten repairs in a row one in this time: two programs that undo each other must not
take the whole processor."""

REPAIR_BURST_WINDOW_S: Final = 30.0
"""Ten repairs within this time are a burst."""

SCAN_IDLE_FACTOR: Final = 4
"""Checks may take one part in this many of the time."""


class RepairRateLimiter:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._repairs: deque[float] = deque(maxlen=REPAIR_BURST)
        self._not_before = 0.0

    def next_scan_at(self, now: float) -> float:
        """When to check because of a notice that comes now."""
        earliest = max(now + NOTICE_COALESCE_S, self._not_before)
        return (
            max(earliest, self._repairs[-1] + REPAIR_SLOW_INTERVAL_S)
            if self.is_exhausted(now)
            else earliest
        )

    def is_exhausted(self, now: float) -> bool:
        """Whether another program keeps undoing our repairs."""
        return len(self._repairs) == REPAIR_BURST and now - self._repairs[0] < REPAIR_BURST_WINDOW_S

    def record_scan(self, *, begun: float, ended: float) -> None:
        """A check took this long: the next one has to wait accordingly."""
        self._not_before = ended + min(SCAN_IDLE_FACTOR * (ended - begun), 0.5)

    def record_repair(self, now: float) -> None:
        """A repair was made."""
        self._repairs.append(now)
