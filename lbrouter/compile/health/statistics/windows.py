"""Loss, round trip and jitter over 1, 5 and 30 seconds, in sixty-one buckets and no more.

A probe belongs to the moment at which it was sent, so one that is still on its way counts in no
window, and a late answer corrects the bucket that counted it as lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

BUCKET_S: Final = 0.5
SHORT_WINDOW_S, MIDDLE_WINDOW_S, LONG_WINDOW_S = 1.0, 5.0, 30.0
MAX_BUCKETS: Final = int(LONG_WINDOW_S / BUCKET_S) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Results of the probes that were sent within one slot of time."""

    slot: int
    answered: int = 0
    lost: int = 0
    timed: int = 0
    """Answers whose round trip is the line's own: not those that waited in a queue of ours."""
    rtt_sum_s: float = 0.0
    """Sum of their round trips."""
    jitter_sum_s: float = 0.0
    """Sum of the differences between neighbouring round trips (RFC 3550, 6.4.1, unsmoothed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTotals:
    """A window, summed up."""

    answered: int = 0
    lost: int = 0
    timed: int = 0
    rtt_sum_s: float = 0.0
    jitter_sum_s: float = 0.0

    @property
    def probes(self) -> int:
        """Probes that were answered or lost."""
        return self.answered + self.lost

    @property
    def loss(self) -> float | None:
        """Lost share, 0 to 1."""
        return self.lost / self.probes if self.probes else None

    @property
    def mean_rtt_s(self) -> float | None:
        """Mean round trip."""
        return self.rtt_sum_s / self.timed if self.timed else None

    @property
    def jitter_s(self) -> float | None:
        """Mean variation of the round trip."""
        return self.jitter_sum_s / self.timed if self.timed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeWindow:
    """The last 30 s of one target, oldest bucket first; `width_s` is a bucket's length."""

    width_s: float = BUCKET_S
    buckets: tuple[Bucket, ...] = ()


def add_to_window(
    window: ProbeWindow, sent_at: float, *, answered: int = 0, lost: int = 0,
    rtt_s: float | None = None, rtt_change_s: float = 0.0,
) -> ProbeWindow:  # fmt: skip
    """The window with more probes of the moment `sent_at`; negative counts take some back.

    Without `rtt_s` the round trip of an answer is not the line's own, and is not counted.
    """
    slot = int(sent_at // window.width_s)
    place = len(window.buckets)
    while place and window.buckets[place - 1].slot > slot:
        place -= 1
    known = place > 0 and window.buckets[place - 1].slot == slot
    old = window.buckets[place - 1] if known else Bucket(slot=slot)
    new = Bucket(
        slot=slot,
        answered=old.answered + answered,
        lost=max(old.lost + lost, 0),
        timed=old.timed + (0 if rtt_s is None else answered),
        rtt_sum_s=old.rtt_sum_s + (rtt_s or 0.0),
        jitter_sum_s=old.jitter_sum_s + (0.0 if rtt_s is None else rtt_change_s),
    )
    before = window.buckets[: place - 1 if known else place]
    buckets = (*before, new, *window.buckets[place:])
    return replace(window, buckets=buckets[-MAX_BUCKETS:])


def window_totals(windows: Iterable[ProbeWindow], at: float, span_s: float) -> WindowTotals:
    """The sums over what was sent in the last `span_s` (by whole buckets, before stretching)."""
    answered, lost, timed, rtt_s, swing_s = 0, 0, 0, 0.0, 0.0
    for window in windows:
        oldest = int(at // window.width_s) - int(span_s / BUCKET_S)
        for bucket in reversed(window.buckets):
            if bucket.slot <= oldest:
                break
            answered += bucket.answered
            lost += bucket.lost
            timed += bucket.timed
            rtt_s += bucket.rtt_sum_s
            swing_s += bucket.jitter_sum_s
    return WindowTotals(
        answered=answered, lost=lost, timed=timed, rtt_sum_s=rtt_s, jitter_sum_s=swing_s
    )
