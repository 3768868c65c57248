"""Is the loss more than a policy tolerates? Page's sequential test, and what it costs in error.

A share of lost probes over a window answers too late or too early: 3 s at five probes a second are
fifteen probes. A line with 2 % loss loses three or more of fifteen in 0.3 % of all such windows,
which is many false moves in ten hours, and a line with 19 % loses fewer than three in 44 % of
them. No rule on fifteen probes does better: a probe of a line with 19 % loss carries 0.27 nat of
evidence against 2 % (its Kullback-Leibler divergence), and "never wrong in ten hours" asks for
about fifteen. So the first lost probe opens a doubt, and while it lasts probes are sent quicker
(`compile.failover.pace`).

The test. For a tolerated loss p0 and a worse p1, each probe adds log(p1/p0) when lost and
log((1-p1)/(1-p0)) when answered to a sum that never falls below zero; at `ENOUGH` = 15 the loss is
too much. Two sums run side by side: p1 ten points above p0 (quick) and three points above
(thorough).

False alarms. From zero, the likelihood ratio is a martingale with mean 1 while the loss is p0 or
less, whatever the pace and whatever decides it, so it reaches e^15 with probability at most e^-15
(Ville). Only a lost probe lifts the sum from zero, and lifts the ratio to p1/p0: 6 and 2.5 for p0
= 2 %. Ten hours are 180,000 probes, about 100,000 more in doubt, 5,600 of these lost at 2 %: at
most 5,600 x (6 + 2.5) x e^-15 = 0.015 false alarms in ten hours at the very limit, and far fewer
at half of it.

Delay. At 19 % each probe adds 0.25 on average: 52 probes after the first loss, 1.3 s at 25 ms. The
first loss takes 1.0 s, its verdict 0.1 s: 2.4 s in all, on average.

Only the first `WEIGHED` losses in a row count. Lost packets that are neighbours in time have one
cause, a queue or a fade, and no test for independent losses may count them as many: a run of them
is silence, which `silence` judges. Leaving losses out can only lower the sums, so the arithmetic
above holds.
"""

from dataclasses import dataclass
from functools import cache
from math import log
from typing import Final

ENOUGH: Final = 15.0
WEIGHED: Final = 2
LEAST: Final = 0.005
"""A tolerance of zero is taken as this: one lost packet in a year is no reason to move."""

QUICK, THOROUGH = 0.10, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The two sums, in nat, against one tolerated loss."""

    quick: float = 0.0
    thorough: float = 0.0

    @property
    def enough(self) -> bool:
        """Whether the loss is too much."""
        return self.quick >= ENOUGH or self.thorough >= ENOUGH


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """What a lost and an answered probe add to one sum, in nat."""

    lost: float
    answered: float


@cache
def odds(tolerated: float, worse: float) -> Odds:
    """The odds for a loss `tolerated` (0 to 0.95) against one that is `worse` by that share."""
    p0 = max(tolerated, LEAST)
    p1 = p0 + worse * (1 - p0)
    return Odds(lost=log(p1 / p0), answered=log((1 - p1) / (1 - p0)))


def weigh(evidence: Evidence, tolerated: float, *, lost: int = 0, answered: int = 0) -> Evidence:
    """The sums after so many more probes. Negative counts take back what was added."""
    quick, thorough = odds(tolerated, QUICK), odds(tolerated, THOROUGH)
    return Evidence(
        quick=_bounded(evidence.quick + lost * quick.lost + answered * quick.answered),
        thorough=_bounded(evidence.thorough + lost * thorough.lost + answered * thorough.answered),
    )


def _bounded(value: float) -> float:
    return min(max(value, 0.0), 2 * ENOUGH)
