"""Changes the memory of an uplink by the result of a probe: answered, lost, overdue."""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.probe_pacing import remaining_fast_budget_s
from lbrouter.compile.health.statistics.loss_test import (
    MAX_COUNTED_LOSSES_IN_ROW,
    LossEvidence,
    add_probes,
)
from lbrouter.compile.health.statistics.windows import add_to_window
from lbrouter.compile.health.uplink_memory import (
    OutstandingProbe,
    TargetStats,
    UplinkMemory,
    full_directions,
    is_mute,
    is_self_congested,
    with_silence_from,
)
from lbrouter.model.events import ProbeAnswered, ProbeFailure, ProbeLost, ProbeSent

INITIAL_RTO_S: Final = 1.0
"""How long to wait for the very first answer (RFC 6298, 2.1)."""
MIN_RTO_SPREAD_S: Final = 0.08
MIN_RTO_S, MAX_RTO_S = 0.1, 3.0
MAX_ANSWER_DELAY_S: Final = 4.0
"""An answer that comes later than this is no answer."""
LOADED_EXTRA_RTO_S: Final = 0.1
"""Added while our own traffic fills the line: probes may wait in the queue that it makes."""
LOSS_BY_OWN_LOAD: Final = 0.015
"""Loss that our own load explains in each direction that it fills: what TCP makes a bottleneck drop
to find its rate. Our own classes drop no probes: the gateway's own traffic has a guarantee."""
MAX_OUTSTANDING_PROBES: Final = 200
USUAL_LOSS_WEIGHT: Final = 0.02
"""Weight of one probe in the usual loss: some fifty probes make it up."""


def rto_s(target: TargetStats) -> float:
    """How long an answer of this target may take: its round trip and four times its variation.

    RFC 6298 with a smaller floor: a probe called lost too early costs a few more probes.
    """
    if target.srtt_s is None:
        return INITIAL_RTO_S
    spread = max(4 * target.rttvar_s, MIN_RTO_SPREAD_S)
    return min(max(target.srtt_s + spread, MIN_RTO_S), MAX_RTO_S)


def on_sent(line: UplinkMemory, event: ProbeSent, at: float) -> UplinkMemory:
    """A probe is on its way."""
    seen = line.targets.get(event.target)
    if seen is None:
        return line
    extra_s = LOADED_EXTRA_RTO_S if is_self_congested(line, at) else 0.0
    probe = OutstandingProbe(target=event.target, sent_at=at, due=at + rto_s(seen) + extra_s)
    pending = (*line.outstanding, probe)[-MAX_OUTSTANDING_PROBES:]
    return replace(
        line,
        outstanding=pending,
        last_probe_at=at,
        fast_probe_budget_s=remaining_fast_budget_s(line, at),
    )


def expire_overdue(line: UplinkMemory, at: float) -> UplinkMemory:
    """Counts what should have been answered by now as lost, and forgets what is too old."""
    if not line.outstanding or (
        line.outstanding[0].sent_at > at - MAX_ANSWER_DELAY_S
        and all(probe.timed_out or probe.due > at for probe in line.outstanding)
    ):
        return line
    kept: list[OutstandingProbe] = []
    for probe in line.outstanding:
        if not probe.timed_out and probe.due <= at:
            line, weighed = _on_miss(line, probe, ProbeFailure.NO_ANSWER, probe.due)
            probe = replace(probe, timed_out=True, counted_as_loss=weighed)  # noqa: PLW2901
        if probe.sent_at > at - MAX_ANSWER_DELAY_S:
            kept.append(probe)
    return replace(line, outstanding=tuple(kept))


def on_lost(line: UplinkMemory, event: ProbeLost, at: float) -> UplinkMemory:
    """A probe has certainly failed. One that is not outstanding (any more) is ignored."""
    probe = _find_outstanding(line, event.target, event.sent_at)
    if probe is None:
        return line
    seen = line.targets[event.target]
    if event.reason is ProbeFailure.CAPTIVE_PORTAL:
        # There was an answer: the line works, even if the page is wrong.
        return _on_response(
            line,
            probe,
            replace(seen, consecutive_misses=0, portal_pages=seen.portal_pages + 1),
            at,
            arrived_at=at,
        )
    line = replace(line, outstanding=_without_probe(line, probe))
    return line if probe.timed_out else _on_miss(line, probe, event.reason, at)[0]


def on_answered(line: UplinkMemory, event: ProbeAnswered, at: float) -> UplinkMemory:
    """The target answered, in time or late; a late answer takes back the loss that was counted."""
    probe = _find_outstanding(line, event.target, event.sent_at)
    if probe is None:
        return line
    rtt_s, seen = max(event.rtt_s, 0.0), line.targets[event.target]
    back = 1 if probe.counted_as_loss else 0
    if not seen.excluded:
        line = replace(line, evidence=_updated_evidence(line, at, lost=-back, answered=1))
    late = not _is_responding(line) or probe.sent_at < line.responding_since
    own_rtt_s = None if late or is_self_congested(line, at) else rtt_s
    # Without `rtt_s`, the answer waited, in a queue that we fill or for the line: only that
    # it came counts.
    swing_s = 0.0
    if own_rtt_s is not None and seen.last_rtt_s is not None and not seen.is_late_estimate:
        swing_s = abs(own_rtt_s - seen.last_rtt_s)
    seen = replace(
        seen,
        window=add_to_window(
            seen.window,
            probe.sent_at,
            answered=1,
            lost=-back,
            rtt_s=own_rtt_s,
            rtt_change_s=swing_s,
        ),
    )
    arrived_at = at if event.arrived_at is None else min(event.arrived_at, at)
    smoothed = _smoothed_rtt(seen, rtt_s, late=late)
    return _on_response(line, probe, smoothed, at, arrived_at=arrived_at)


def _find_outstanding(line: UplinkMemory, target: str, sent_at: float) -> OutstandingProbe | None:
    for probe in line.outstanding:
        if probe.target == target and probe.sent_at == sent_at:
            return probe
    return None


def _without_probe(line: UplinkMemory, probe: OutstandingProbe) -> tuple[OutstandingProbe, ...]:
    return tuple(each for each in line.outstanding if each is not probe)


def _on_response(
    line: UplinkMemory, probe: OutstandingProbe, seen: TargetStats, at: float, *, arrived_at: float
) -> UplinkMemory:
    """Something came back over this uplink: the silence ends, and it has a carrier and an address.

    Only if the probe left after the last break: an answer may have waited in our own buffers. And
    only while there is an interface of its name: sockets still use one that has been renamed.
    """
    pending, known = _without_probe(line, probe), {**line.targets, probe.target: seen}
    if probe.sent_at < line.link_lost_at or not line.present:
        return replace(line, outstanding=pending, targets=known)
    kept = (1 - USUAL_LOSS_WEIGHT) ** min(line.consecutive_losses, 500)
    return replace(
        _with_silence_after_answer(line, max(arrived_at, line.silent_since)),
        outstanding=pending,
        targets=known,
        carrier=True,
        addressed=True,
        responding=True,
        responding_since=line.responding_since if _is_responding(line) else at,
        judged=not line.follows_other_family,
        was_late=line.was_late or (not line.responding and probe.sent_at < line.dead_at),
        last_answer_at=at,
        answer_count=line.answer_count + 1,
        usual_loss=(line.usual_loss * kept + 1 - kept) * (1 - USUAL_LOSS_WEIGHT),
    )


def _with_silence_after_answer(line: UplinkMemory, arrived_at: float) -> UplinkMemory:
    """Silence begins at the arrival; of an answer that waited to be read, the delay stays known."""
    if arrived_at >= line.delay_ended_at:
        return with_silence_from(line, arrived_at)
    return replace(line, silent_since=arrived_at, consecutive_losses=0)


def _is_responding(line: UplinkMemory) -> bool:
    """Whether an answer came since the last fault, or since the line got its address."""
    return line.judged and line.responding


def _smoothed_rtt(seen: TargetStats, rtt_s: float, *, late: bool) -> TargetStats:
    """RFC 6298, 2.2 and 2.3. The estimate begins again with the first probe that was not `late`.

    WireGuard keeps packets until its handshake is done, and a modem until it has a line. The first
    answers come together then, some after seconds: twenty more would not make up for them, and a
    line that dies meanwhile would be found silent only after `MAX_RTO_S`.
    """
    srtt_s, rttvar_s = rtt_s, rtt_s / 2
    if seen.srtt_s is not None and (late or not seen.is_late_estimate):
        rttvar_s = 0.75 * seen.rttvar_s + 0.25 * abs(seen.srtt_s - rtt_s)
        srtt_s = 0.875 * seen.srtt_s + 0.125 * rtt_s
    return replace(
        seen,
        srtt_s=srtt_s,
        rttvar_s=rttvar_s,
        last_rtt_s=rtt_s,
        is_late_estimate=late,
        consecutive_misses=0,
        portal_pages=0,
    )


def _updated_evidence(
    line: UplinkMemory, at: float, *, lost: int = 0, answered: int = 0
) -> tuple[LossEvidence, ...]:
    """The evidence with more probes, against the tolerated loss and what our own load explains."""
    passing = (1 - LOSS_BY_OWN_LOAD) ** full_directions(line, at)
    pairs = zip(line.evidence, line.settings.loss_limits, strict=True)
    return tuple(
        add_probes(each, 1 - (1 - limit) * passing, lost=lost, answered=answered)
        for each, limit in pairs
    )


def _on_miss(
    line: UplinkMemory, probe: OutstandingProbe, failure: ProbeFailure, at: float
) -> tuple[UplinkMemory, bool]:
    """The line after one more probe without an answer, and whether that counts as its loss."""
    seen = line.targets[probe.target]
    was_mute = is_mute(line, seen)
    seen = replace(
        seen,
        consecutive_misses=seen.consecutive_misses + 1,
        last_miss_at=max(at, seen.last_miss_at),
        failure=failure,
        answers_at_first_miss=seen.answers_at_first_miss
        if seen.consecutive_misses
        else line.answer_count,
    )
    weighed = failure is not ProbeFailure.NOT_SENT
    if weighed:
        seen = replace(seen, window=add_to_window(seen.window, probe.sent_at, lost=1))
    line = replace(line, targets={**line.targets, probe.target: seen})
    if is_mute(line, seen):
        # Losses counted for it so far are taken back once, at the miss that shows it to be mute.
        losses_to_take_back = 0 if was_mute else seen.consecutive_misses - 1
        return replace(
            line, evidence=_updated_evidence(line, at, lost=-losses_to_take_back)
        ), weighed
    if seen.excluded:
        return line, weighed
    line = replace(line, consecutive_losses=line.consecutive_losses + 1)
    if weighed and line.consecutive_losses <= MAX_COUNTED_LOSSES_IN_ROW:
        line = replace(line, evidence=_updated_evidence(line, at, lost=1))
    return line, weighed
