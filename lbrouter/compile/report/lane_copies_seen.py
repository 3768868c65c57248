"""What was measured of a lane's copies on one line: half a minute of echoes and counters."""

from dataclasses import dataclass, replace
from statistics import median
from typing import Final

COPY_SAMPLES_KEPT: Final = 30
"""One a second."""

LEAST_ECHOES: Final = 5
"""With fewer a loss in percent would say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounters:
    """Of a queue since it was made, in packets."""

    sent: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySamples:
    """Echo requests to the relay by one line in the class of the copies, and that class's counters.

    `echoes` are round trips in seconds, None where no answer came; the newest are the last.
    """

    echoes: tuple[float | None, ...] = ()
    counters: tuple[QueueCounters, ...] = ()

    def with_echo(self, rtt_s: float | None) -> "CopySamples":
        """One more."""
        return replace(self, echoes=(*self.echoes, rtt_s)[-COPY_SAMPLES_KEPT:])

    def with_counters(self, found: QueueCounters | None) -> "CopySamples":
        """One more reading; None, or counters that were set back, begin again."""
        if found is None:
            return replace(self, counters=())
        known = self.counters
        if known and (found.sent < known[-1].sent or found.dropped < known[-1].dropped):
            known = ()
        return replace(self, counters=(*known, found)[-COPY_SAMPLES_KEPT - 1 :])

    @property
    def rtt_ms(self) -> float | None:
        """The median round trip to the relay's machine; None where nothing came back."""
        came = [each for each in self.echoes if each is not None]
        return round(median(came) * 1000, 1) if came else None

    @property
    def loss_percent(self) -> float | None:
        """Of the echoes, both ways together; None while there are too few."""
        if len(self.echoes) < LEAST_ECHOES:
            return None
        return round(100 * self.echoes.count(None) / len(self.echoes), 1)

    @property
    def dropped_percent(self) -> float | None:
        """What our own queue dropped of the class; None where the line is not shaped."""
        if len(self.counters) < 2:
            return None
        first, last = self.counters[0], self.counters[-1]
        dropped = last.dropped - first.dropped
        offered = last.sent - first.sent + dropped
        return round(100 * dropped / offered, 1) if offered else 0.0
