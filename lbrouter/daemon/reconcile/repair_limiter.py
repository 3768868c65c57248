"""When to look again after somebody touched what is ours, and when to let him have his way."""

from collections import deque
from typing import Final

COALESCE_S: Final = 0.25
"""What comes in one burst is mended in one round."""

BURST: Final = 10
SLOW_S: Final = 5.0
"""After ten repairs in a row one in this time: two programs that undo each other must not
take the whole processor."""

CALM_S: Final = 30.0
"""Ten repairs within this time are a burst."""

SHARE: Final = 4
"""A look may take one part in this many of the time."""


class Pace:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._repairs: deque[float] = deque(maxlen=BURST)
        self._free_from = 0.0

    def due(self, now: float) -> float:
        """When a notice that comes now should be looked into."""
        soon = max(now + COALESCE_S, self._free_from)
        return max(soon, self._repairs[-1] + SLOW_S) if self.strained(now) else soon

    def strained(self, now: float) -> bool:
        """Whether somebody keeps undoing what we do."""
        return len(self._repairs) == BURST and now - self._repairs[0] < CALM_S

    def looked(self, *, begun: float, ended: float) -> None:
        """A look took that long: the next one keeps its distance."""
        self._free_from = ended + min(SHARE * (ended - begun), 0.5)

    def repaired(self, now: float) -> None:
        """Something had to be mended."""
        self._repairs.append(now)
