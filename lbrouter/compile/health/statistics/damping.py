"""Flap damping: a hold-down that grows with each fault and shrinks with time.

The first fault costs the base time; each further one that is not yet forgotten doubles it, up to
a maximum.
"""

from dataclasses import dataclass
from typing import Final

FAULT_DECAY_S: Final = 300.0
"""After this time of use without a fault, one fault is forgotten."""

MAX_PENALTY: Final = 12.0
MAX_HOLD_DOWN_S: Final = 300.0
LAST_RESORT_HOLD_DOWN_S: Final = 1.0
"""Hold-down where a policy has no other usable uplink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DampingPenalty:
    """Faults that are remembered, and the moment of the last."""

    count: float = 0.0
    at: float = 0.0


NO_PENALTY: Final = DampingPenalty()


def add_fault(penalty: DampingPenalty, at: float) -> DampingPenalty:
    """One more fault."""
    return DampingPenalty(count=min(_decayed_count(penalty, at) + 1, MAX_PENALTY), at=at)


def freeze_decay(penalty: DampingPenalty, at: float) -> DampingPenalty:
    """Nothing is forgotten up to now: for an uplink that is out of use."""
    return DampingPenalty(count=penalty.count, at=at)


def remembered_faults(penalty: DampingPenalty, at: float) -> int:
    """Faults that still count."""
    return round(_decayed_count(penalty, at))


def hold_down_s(base_s: float, penalty: DampingPenalty, at: float) -> float:
    """`base_s` after one fault, doubled by each further one; at most 5 min, or `base_s` if longer.

    From the second fault on at least one second, so that a base of zero can double too.
    """
    again = max(remembered_faults(penalty, at) - 1, 0)
    if not again:
        return base_s
    return min(max(base_s, 1.0) * float(2**again), max(MAX_HOLD_DOWN_S, base_s))


def _decayed_count(penalty: DampingPenalty, at: float) -> float:
    return max(penalty.count - max(at - penalty.at, 0.0) / FAULT_DECAY_S, 0.0)
