"""Which policies leave a line, over what, and when they come back.

Loss leaves by the sequential test of `evidence`. Latency and jitter leave when their mean over 5 s
is above the limit and that over the last second still is. All come back when they were within 80 %
of the limit (loss over 30 s, the others over 5 s) for some seconds, twice as many after each
leave.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.health.damping import patience, strike
from lbrouter.compile.health.loss_test import Evidence, at_least
from lbrouter.compile.health.measures import FEWEST_ANSWERS, Measures, badness, measures
from lbrouter.compile.health.settings import Limits
from lbrouter.compile.health.uplink_memory import Line, Measure, Seen, Standing, counted, shaded
from lbrouter.compile.health.windows import LONG_S, total

DEAD_BAND: Final = 0.8
HOLD_S: Final = 5.0
LOOK_EVERY_S: Final = 0.5
FEWEST_PROBES: Final = 20
"""Verdicts that a return after loss needs."""
SUSPICIOUS_MISSES: Final = 3
BY_CHANCE: Final = 0.01


def tolerance(line: Line, at: float) -> Line:
    """The line with its policies' standings judged: loss at each probe, the rest twice a second."""
    alarmed = any(each.enough for each in line.evidence)
    if alarmed and any(evidence_of(line, loss).enough for loss in tested(line)):
        line = _tried(line, at)
    elif at < line.looked_at + LOOK_EVERY_S * line.settings.stretch:
        return _acquitted(line) if alarmed else line
    if shaded(line, at):
        return replace(line, looked_at=at)
    return _acquitted(_looked(line, at))


def _looked(line: Line, at: float) -> Line:
    found = measures(line, at)
    limits = zip(line.settings.limits, line.standings, strict=True)
    standings = tuple(_judged(line, each, standing, found, at) for each, standing in limits)
    line = replace(line, standings=standings, looked_at=at, badness=badness(line, found))
    return _forgiven(line, at) if any(seen.blamed for seen in line.seen.values()) else line


def tested(line: Line) -> set[float]:
    """The tolerated losses that matter: of policies that are not out already."""
    limits = zip(line.settings.limits, line.standings, strict=True)
    return {each.loss for each, s in limits if s.out is None and each.loss is not None}


def _acquitted(line: Line) -> Line:
    """What was enough has had its effect, and the evidence begins anew."""
    return replace(line, evidence=tuple(Evidence() if e.enough else e for e in line.evidence))


def back_at(standing: Standing) -> float | None:
    """When a policy that left comes back if all stays within the dead band; None before that."""
    if standing.out is None or standing.clean_from is None:
        return None
    return standing.clean_from + patience(HOLD_S, standing.leaves, standing.clean_from)


def _judged(line: Line, limits: Limits, standing: Standing, found: Measures, at: float) -> Standing:
    if standing.out is None:
        over = next(_over(line, limits, found), None)
        if over is None:
            return standing
        return Standing(out=over, leaves=strike(standing.leaves, at))
    if not _within(limits, found):
        return replace(standing, clean_from=None)
    if standing.clean_from is None:
        return replace(standing, clean_from=at)
    back = back_at(standing)
    return standing if back is None or at < back else Standing(leaves=standing.leaves)


def _over(line: Line, limits: Limits, found: Measures) -> Iterator[Measure]:
    """What is over its limit."""
    if limits.loss is not None and evidence_of(line, limits.loss).enough:
        yield Measure.LOSS
    if found.middle.answered < FEWEST_ANSWERS:
        return
    if _above(found.rtt_s, limits.latency_s) and _above(found.short_rtt_s, limits.latency_s):
        yield Measure.LATENCY
    if _above(found.jitter_s, limits.jitter_s) and _above(found.short_jitter_s, limits.jitter_s):
        yield Measure.JITTER


def _within(limits: Limits, found: Measures) -> bool:
    """Whether all is inside the dead band, as far as it can be told."""
    if limits.loss is not None and (
        found.long.probes < FEWEST_PROBES or _above(found.long.loss, DEAD_BAND * limits.loss)
    ):
        return False
    if found.middle.answered < FEWEST_ANSWERS:
        return False
    return not (
        (limits.latency_s is not None and _above(found.rtt_s, DEAD_BAND * limits.latency_s))
        or (limits.jitter_s is not None and _above(found.jitter_s, DEAD_BAND * limits.jitter_s))
    )


def _above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def evidence_of(line: Line, loss: float) -> Evidence:
    """The evidence that the loss is more than `loss`, one of `settings.losses`."""
    return line.evidence[line.settings.losses.index(loss)]


def _tried(line: Line, at: float) -> Line:
    """The line before its loss is believed: if one target, or a mute few, has it, it is theirs.

    It is the target's own fault when it has more than half way between its even share and all of
    the losses, and chance would not put as many on one of them: of nine losses and two targets that
    both lose alike, one has seven or more in one case of six. The evidence starts again without it.
    """
    speak = counted(line)
    losses = {t: total([seen.window], at, LONG_S).lost for t, seen in speak.items()}
    silent = {t for t, seen in speak.items() if _falling_mute(line, seen)}
    guilty = silent or {max(losses, key=lambda target: losses[target])}
    even = len(guilty) / len(speak)
    theirs = sum(losses[target] for target in guilty)
    all_ = sum(losses.values())
    if len(guilty) == len(speak) or theirs < (1 + even) / 2 * all_:
        return line
    if len(speak) * at_least(theirs, all_, even) > BY_CHANCE:
        return line
    seen = {t: replace(s, blamed=s.blamed or t in guilty) for t, s in line.seen.items()}
    return replace(line, seen=seen, evidence=tuple(Evidence() for _ in line.evidence))


def _falling_mute(line: Line, seen: Seen) -> bool:
    """Whether a target is about to be mute: some misses in a row, and others answer all along."""
    answers = line.answers - seen.answers_before
    return seen.missed >= SUSPICIOUS_MISSES and answers >= seen.missed - 1


def _forgiven(line: Line, at: float) -> Line:
    """Blame ends when the target lost no more than one probe in 30 s, and answers."""
    seen = {
        target: replace(each, blamed=each.blamed and not _clean(each, at))
        for target, each in line.seen.items()
    }
    return replace(line, seen=seen)


def _clean(seen: Seen, at: float) -> bool:
    sums = total([seen.window], at, LONG_S)
    return sums.lost <= 1 and sums.answered > 1
