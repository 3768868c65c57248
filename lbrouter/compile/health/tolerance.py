"""Which policies leave a line, over what, and when they come back.

A policy leaves over loss by the sequential test of `loss_test`; over latency and jitter when the
mean over 5 s and that over the last second are above the limit. It comes back when all was within
80 % of the limit (loss over 30 s, the others over 5 s) for some seconds, twice as many after each
leave.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.health.measures import (
    MIN_ANSWERS_FOR_RTT,
    WindowMeasures,
    badness,
    window_measures,
)
from lbrouter.compile.health.settings import ToleranceLimits
from lbrouter.compile.health.statistics.damping import add_fault, hold_down_s
from lbrouter.compile.health.statistics.loss_test import LossEvidence, binomial_tail
from lbrouter.compile.health.statistics.windows import LONG_WINDOW_S, window_totals
from lbrouter.compile.health.uplink_memory import (
    PolicyTolerance,
    QualityMetric,
    TargetStats,
    UplinkMemory,
    counted_targets,
    is_self_congested,
)

TOLERANCE_DEAD_BAND: Final = 0.8
POLICY_RETURN_HOLD_S: Final = 5.0
TOLERANCE_CHECK_INTERVAL_S: Final = 0.5
MIN_PROBES_FOR_RETURN: Final = 20
"""Answered or lost probes that a return after loss needs."""
NEAR_MUTE_MISSES: Final = 3
TARGET_EXCLUSION_CHANCE: Final = 0.01


def update_tolerance(line: UplinkMemory, at: float) -> UplinkMemory:
    """The uplink with its tolerances checked: loss at each probe, the rest twice a second."""
    alarmed = any(each.is_conclusive for each in line.evidence)
    if alarmed and any(loss_evidence_for(line, loss).is_conclusive for loss in tested_losses(line)):
        line = _exclude_lossy_targets(line, at)
    elif (
        at
        < line.last_tolerance_check_at + TOLERANCE_CHECK_INTERVAL_S * line.settings.window_stretch
    ):
        return _reset_conclusive_evidence(line) if alarmed else line
    return _reset_conclusive_evidence(_check_limits(line, at))


def _check_limits(line: UplinkMemory, at: float) -> UplinkMemory:
    found = window_measures(line, at)
    limits = zip(line.settings.limits, line.policy_tolerance, strict=True)
    tolerances = tuple(
        _next_tolerance(line, each, tolerance, found, at) for each, tolerance in limits
    )
    line = replace(
        line, policy_tolerance=tolerances, last_tolerance_check_at=at, badness=badness(line, found)
    )
    return (
        _readmit_targets(line, at) if any(seen.excluded for seen in line.targets.values()) else line
    )


def tested_losses(line: UplinkMemory) -> set[float]:
    """The tolerated losses that matter: of policies that are not out already."""
    limits = zip(line.settings.limits, line.policy_tolerance, strict=True)
    return {each.loss for each, s in limits if s.exceeded is None and each.loss is not None}


def _reset_conclusive_evidence(line: UplinkMemory) -> UplinkMemory:
    """Evidence that was conclusive has had its effect: it starts again from zero."""
    return replace(
        line, evidence=tuple(LossEvidence() if e.is_conclusive else e for e in line.evidence)
    )


def policy_return_at(tolerance: PolicyTolerance) -> float | None:
    """When a policy that left comes back if all stays within the dead band; None before that."""
    if tolerance.exceeded is None or tolerance.within_since is None:
        return None
    return tolerance.within_since + hold_down_s(
        POLICY_RETURN_HOLD_S, tolerance.penalty, tolerance.within_since
    )


def _next_tolerance(
    line: UplinkMemory,
    limits: ToleranceLimits,
    tolerance: PolicyTolerance,
    found: WindowMeasures,
    at: float,
) -> PolicyTolerance:
    if tolerance.exceeded is None:
        over = next(_exceeded_metrics(line, limits, found, at), None)
        if over is None:
            return tolerance
        return PolicyTolerance(exceeded=over, penalty=add_fault(tolerance.penalty, at))
    if is_self_congested(line, at) and tolerance.exceeded is not QualityMetric.LOSS:
        return tolerance  # its times are those of our own queue now: no proof either way
    if not _is_within_dead_band(limits, found):
        return replace(tolerance, within_since=None)
    if tolerance.within_since is None:
        return replace(tolerance, within_since=at)
    back = policy_return_at(tolerance)
    return tolerance if back is None or at < back else PolicyTolerance(penalty=tolerance.penalty)


def _exceeded_metrics(
    line: UplinkMemory, limits: ToleranceLimits, found: WindowMeasures, at: float
) -> Iterator[QualityMetric]:
    """The metrics that are over their limit. Times count only while no queue of ours stands."""
    if limits.loss is not None and loss_evidence_for(line, limits.loss).is_conclusive:
        yield QualityMetric.LOSS
    if found.middle.timed < MIN_ANSWERS_FOR_RTT or is_self_congested(line, at):
        return
    if _exceeds(found.rtt_s, limits.latency_s) and _exceeds(found.short_rtt_s, limits.latency_s):
        yield QualityMetric.LATENCY
    if _exceeds(found.jitter_s, limits.jitter_s) and _exceeds(
        found.short_jitter_s, limits.jitter_s
    ):
        yield QualityMetric.JITTER


def _is_within_dead_band(limits: ToleranceLimits, found: WindowMeasures) -> bool:
    """Whether all is inside the dead band, as far as it can be told."""
    if limits.loss is not None and (
        found.long.probes < MIN_PROBES_FOR_RETURN
        or _exceeds(found.long.loss, TOLERANCE_DEAD_BAND * limits.loss)
    ):
        return False
    if found.middle.answered < MIN_ANSWERS_FOR_RTT:
        return False
    return not (
        (
            limits.latency_s is not None
            and _exceeds(found.rtt_s, TOLERANCE_DEAD_BAND * limits.latency_s)
        )
        or (
            limits.jitter_s is not None
            and _exceeds(found.jitter_s, TOLERANCE_DEAD_BAND * limits.jitter_s)
        )
    )


def _exceeds(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def loss_evidence_for(line: UplinkMemory, loss: float) -> LossEvidence:
    """The evidence that the loss is more than `loss`, one of `settings.loss_limits`."""
    return line.evidence[line.settings.loss_limits.index(loss)]


def _exclude_lossy_targets(line: UplinkMemory, at: float) -> UplinkMemory:
    """The uplink without the loss of single targets: if one target, or a mute few, has most of it.

    It is the target's own fault when it has more than half way between its even share and all of
    the losses, and chance would not put as many on one of them: of nine losses and two targets that
    both lose alike, one has seven or more in one case of six. The evidence starts again without it.
    """
    counted = counted_targets(line)
    losses = {
        t: window_totals([seen.window], at, LONG_WINDOW_S).lost for t, seen in counted.items()
    }
    silent = {t for t, seen in counted.items() if _is_becoming_mute(line, seen)}
    lossy = silent or {max(losses, key=lambda target: losses[target])}
    even_share = len(lossy) / len(counted)
    their_losses = sum(losses[target] for target in lossy)
    all_losses = sum(losses.values())
    if len(lossy) == len(counted) or their_losses < (1 + even_share) / 2 * all_losses:
        return line
    if len(counted) * binomial_tail(their_losses, all_losses, even_share) > TARGET_EXCLUSION_CHANCE:
        return line
    seen = {t: replace(s, excluded=s.excluded or t in lossy) for t, s in line.targets.items()}
    return replace(line, targets=seen, evidence=tuple(LossEvidence() for _ in line.evidence))


def _is_becoming_mute(line: UplinkMemory, seen: TargetStats) -> bool:
    """Whether a target is about to be mute: some misses in a row, and others answer all along."""
    answers = line.answer_count - seen.answers_at_first_miss
    return seen.consecutive_misses >= NEAR_MUTE_MISSES and answers >= seen.consecutive_misses - 1


def _readmit_targets(line: UplinkMemory, at: float) -> UplinkMemory:
    """A target counts again when it lost no more than one probe in 30 s, and answers."""
    seen = {
        target: replace(each, excluded=each.excluded and not _is_clean(each, at))
        for target, each in line.targets.items()
    }
    return replace(line, targets=seen)


def _is_clean(seen: TargetStats, at: float) -> bool:
    sums = window_totals([seen.window], at, LONG_WINDOW_S)
    return sums.lost <= 1 and sums.answered > 1
