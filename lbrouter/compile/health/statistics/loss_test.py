"""Is the loss more than a policy tolerates? Page's sequential test, and what it costs in error.

A share of lost probes over a window answers too late or too early: 3 s at five probes a second are
fifteen probes. A line with 2 % loss loses three or more of fifteen in 0.3 % of all such windows,
which is many false moves in ten hours, and a line with 19 % loses fewer than three in 44 % of
them. No rule on fifteen probes does better: a probe of a line with 19 % loss carries 0.27 nat of
evidence against 2 % (its Kullback-Leibler divergence), and "never wrong in ten hours" asks for
about sixteen. So more probes are needed, but seldom: the first lost one puts the loss in doubt,
and meanwhile probes are sent faster (`probe_pacing`).

The test. For a tolerated loss p0 and a worse p1, each probe adds log(p1/p0) when lost and
log((1-p1)/(1-p0)) when answered to a sum that never falls below zero; at
`LOSS_EVIDENCE_THRESHOLD` = 16 the loss is too much. Two sums run side by side: p1 ten points above
p0 (quick) and three points above (thorough).

False alarms. From zero, the likelihood ratio is a martingale with mean 1 while the loss is p0 or
less, whatever the pace and whatever decides it, so it reaches e^16 with probability at most e^-16
(Ville). Only a lost probe lifts the sum from zero, and lifts the ratio to p1/p0: 6 and 2.5 for p0
= 2 %. Ten hours at 15 probes a second are 540,000 probes, and at most 290,000 more in doubt; 17,000
of these are lost at 2 %: at most 17,000 x (6 + 2.5) x e^-16 = 0.016 false alarms in ten hours at
the very limit, and far fewer at half of it.

Delay. At 19 % each probe adds 0.25 on average: 56 probes after the first loss, 0.7 s at 12.5 ms.
The first loss takes 0.35 s, its verdict 0.1 s: 1.2 s in all, on average.

Only the first `MAX_COUNTED_LOSSES_IN_ROW` losses in a row count. Lost packets that are neighbours
in time have one cause, a queue or a fade, and no test for independent losses may count them as
many: a run of them is silence, which `silence` handles. Leaving losses out can only lower the sums,
so the arithmetic above holds.
"""

from dataclasses import dataclass
from functools import cache
from math import comb, log
from typing import Final

LOSS_EVIDENCE_THRESHOLD: Final = 16.0
MAX_COUNTED_LOSSES_IN_ROW: Final = 2
MIN_TESTED_LOSS: Final = 0.005
"""A tolerance of zero is taken as this: one lost packet in a year is no reason to move."""

QUICK_TEST_MARGIN, THOROUGH_TEST_MARGIN = 0.10, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class LossEvidence:
    """The two sums, in nat, against one tolerated loss."""

    quick: float = 0.0
    thorough: float = 0.0

    @property
    def is_conclusive(self) -> bool:
        """Whether the loss is too much."""
        return self.quick >= LOSS_EVIDENCE_THRESHOLD or self.thorough >= LOSS_EVIDENCE_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihoodRatios:
    """What a lost and an answered probe add to one sum, in nat."""

    lost: float
    answered: float


@cache
def log_likelihood_ratios(tolerated: float, worse: float) -> LogLikelihoodRatios:
    """The odds for a loss `tolerated` (0 to 0.95) against one that is `worse` by that share."""
    p0 = max(tolerated, MIN_TESTED_LOSS)
    p1 = p0 + worse * (1 - p0)
    return LogLikelihoodRatios(lost=log(p1 / p0), answered=log((1 - p1) / (1 - p0)))


def add_probes(
    evidence: LossEvidence, tolerated: float, *, lost: int = 0, answered: int = 0
) -> LossEvidence:
    """The sums after so many more probes. Negative counts take back what was added."""
    quick, thorough = (
        log_likelihood_ratios(tolerated, QUICK_TEST_MARGIN),
        log_likelihood_ratios(tolerated, THOROUGH_TEST_MARGIN),
    )
    return LossEvidence(
        quick=_clamped(evidence.quick + lost * quick.lost + answered * quick.answered),
        thorough=_clamped(evidence.thorough + lost * thorough.lost + answered * thorough.answered),
    )


def binomial_tail(count: int, of: int, share: float) -> float:
    """The probability that `count` or more `of` independent events fall to one that has `share`."""
    return sum(comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(count, of + 1))


def _clamped(value: float) -> float:
    return min(max(value, 0.0), 2 * LOSS_EVIDENCE_THRESHOLD)
