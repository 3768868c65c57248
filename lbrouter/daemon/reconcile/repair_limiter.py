"""When to look again after somebody touched what is ours, and when to let him have his way."""

from collections import deque
from typing import Final

NOTICE_COALESCE_S: Final = 0.25
"""What comes in one burst is mended in one round."""

REPAIR_BURST: Final = 10
REPAIR_SLOW_INTERVAL_S: Final = 5.0
"""After ten repairs in a row one in this time: two programs that undo each other must not
take the whole processor."""

REPAIR_BURST_WINDOW_S: Final = 30.0
"""Ten repairs within this time are a burst."""

SCAN_IDLE_FACTOR: Final = 4
"""A look may take one part in this many of the time."""


class RepairRateLimiter:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._repairs: deque[float] = deque(maxlen=REPAIR_BURST)
        self._not_before = 0.0

    def next_scan_at(self, now: float) -> float:
        """When a notice that comes now should be looked into."""
        soon = max(now + NOTICE_COALESCE_S, self._not_before)
        return (
            max(soon, self._repairs[-1] + REPAIR_SLOW_INTERVAL_S)
            if self.is_exhausted(now)
            else soon
        )

    def is_exhausted(self, now: float) -> bool:
        """Whether somebody keeps undoing what we do."""
        return len(self._repairs) == REPAIR_BURST and now - self._repairs[0] < REPAIR_BURST_WINDOW_S

    def record_scan(self, *, begun: float, ended: float) -> None:
        """A look took that long: the next one keeps its distance."""
        self._not_before = ended + min(SCAN_IDLE_FACTOR * (ended - begun), 0.5)

    def record_repair(self, now: float) -> None:
        """Something had to be mended."""
        self._repairs.append(now)
