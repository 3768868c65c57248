"""Patience that grows with each fault and comes back with time.

The first fault costs the plain time; each further one that is not yet forgotten doubles it, up to
a cap.
"""

from dataclasses import dataclass
from typing import Final

FORGET_S: Final = 300.0
"""One fault is forgotten in this time of use without another."""

MOST_STRIKES: Final = 12.0
CAP_S: Final = 300.0
LAST_LINE_S: Final = 1.0
"""Proof that is enough where a policy has no other usable uplink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strikes:
    """Faults that are remembered, and the moment of the last."""

    count: float = 0.0
    at: float = 0.0


NO_STRIKES: Final = Strikes()


def strike(strikes: Strikes, at: float) -> Strikes:
    """One more fault."""
    return Strikes(count=min(_left(strikes, at) + 1, MOST_STRIKES), at=at)


def kept(strikes: Strikes, at: float) -> Strikes:
    """Nothing forgotten up to now: for an uplink that is out of use, and so proves nothing."""
    return Strikes(count=strikes.count, at=at)


def faults(strikes: Strikes, at: float) -> int:
    """Faults that still count."""
    return round(_left(strikes, at))


def patience(base_s: float, strikes: Strikes, at: float) -> float:
    """`base_s` after one fault, doubled by each further one; at most 5 min, or `base_s` if longer.

    From the second fault on at least one second, so that a base of zero can double too.
    """
    again = max(faults(strikes, at) - 1, 0)
    if not again:
        return base_s
    return min(max(base_s, 1.0) * float(2**again), max(CAP_S, base_s))


def _left(strikes: Strikes, at: float) -> float:
    return max(strikes.count - max(at - strikes.at, 0.0) / FORGET_S, 0.0)
