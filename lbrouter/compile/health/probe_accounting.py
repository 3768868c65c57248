"""What a probe's fate does to the memory of its uplink: answered, lost, overdue."""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.loss_test import WEIGHED, Evidence, weigh
from lbrouter.compile.health.probe_pacing import credit_s
from lbrouter.compile.health.uplink_memory import Line, Pending, Seen, mute, shaded
from lbrouter.compile.health.windows import Window, add
from lbrouter.model.events import Failure, ProbeAnswered, ProbeLost, ProbeSent

FIRST_RTO_S: Final = 1.0
"""How long to wait for the very first answer (RFC 6298, 2.1)."""
LEAST_SPREAD_S: Final = 0.08
LEAST_RTO_S, MOST_RTO_S = 0.1, 3.0
REMEMBER_S: Final = 4.0
"""An answer that comes later than this is no answer."""
MOST_PENDING: Final = 200
LEVEL_SHARE: Final = 0.02
"""Weight of one probe in the usual loss: some fifty probes make it up."""


def rto_s(seen: Seen) -> float:
    """How long an answer of this target may take: its round trip and four times its variation.

    RFC 6298 with a smaller floor: a probe called lost too early costs a few more probes.
    """
    if seen.srtt_s is None:
        return FIRST_RTO_S
    spread = max(4 * seen.rttvar_s, LEAST_SPREAD_S)
    return min(max(seen.srtt_s + spread, LEAST_RTO_S), MOST_RTO_S)


def sent(line: Line, event: ProbeSent, at: float) -> Line:
    """A probe is on its way."""
    seen = line.seen.get(event.target)
    if seen is None:
        return line
    probe = Pending(target=event.target, sent_at=at, due=at + rto_s(seen))
    pending = (*line.pending, probe)[-MOST_PENDING:]
    return replace(line, pending=pending, sent_at=at, credit_s=credit_s(line, at))


def overdue(line: Line, at: float) -> Line:
    """Counts what should have been answered by now as lost, and forgets what is too old."""
    if not line.pending or (
        line.pending[0].sent_at > at - REMEMBER_S
        and all(probe.judged or probe.due > at for probe in line.pending)
    ):
        return line
    kept: list[Pending] = []
    for probe in line.pending:
        if not probe.judged and probe.due <= at:
            line, weighed = _missed(line, probe, Failure.SILENT, probe.due)
            probe = replace(probe, judged=True, weighed=weighed)  # noqa: PLW2901
        if probe.sent_at > at - REMEMBER_S:
            kept.append(probe)
    return replace(line, pending=tuple(kept))


def excused(line: Line, at: float, by_s: float) -> Line:
    """We slept: what was due in that time is forgotten, and the silence of that time is ours."""
    asleep_from = at - by_s
    pending = tuple(p for p in line.pending if p.judged or p.due < asleep_from)
    quiet_from = min(at, line.quiet_from + by_s + LEAST_RTO_S)
    return replace(line, pending=pending, quiet_from=quiet_from)


def lost(line: Line, event: ProbeLost, at: float) -> Line:
    """A probe came to nothing for sure. One that is not on its way (any more) is ignored."""
    probe = _take(line, event.target, event.sent_at)
    if probe is None:
        return line
    seen = line.seen[event.target]
    if event.reason is Failure.PORTAL:
        # Somebody answered: the line lives, whatever its pages are worth.
        return _alive(line, probe, replace(seen, missed=0, portal=seen.portal + 1), at)
    line = replace(line, pending=_without(line, probe))
    return line if probe.judged else _missed(line, probe, event.reason, at)[0]


def answered(line: Line, event: ProbeAnswered, at: float) -> Line:
    """The target answered, in time or late; a late answer takes back what its lack had said."""
    probe = _take(line, event.target, event.sent_at)
    if probe is None:
        return line
    rtt_s, seen = max(event.rtt_s, 0.0), line.seen[event.target]
    back = 1 if probe.weighed else 0
    if not shaded(line, at):
        if not seen.blamed:
            line = replace(line, evidence=_weighed(line, lost=-back, answered=1))
        seen = replace(seen, window=_window(seen, probe, rtt_s, lost=-back))
    return _alive(line, probe, _smoothed(seen, rtt_s), at)


def _window(seen: Seen, probe: Pending, rtt_s: float, *, lost: int) -> Window:
    swing_s = 0.0 if seen.last_rtt_s is None else abs(rtt_s - seen.last_rtt_s)
    return add(seen.window, probe.sent_at, answered=1, lost=lost, rtt_s=rtt_s, swing_s=swing_s)


def _take(line: Line, target: str, sent_at: float) -> Pending | None:
    for probe in line.pending:
        if probe.target == target and probe.sent_at == sent_at:
            return probe
    return None


def _without(line: Line, probe: Pending) -> tuple[Pending, ...]:
    return tuple(each for each in line.pending if each is not probe)


def _alive(line: Line, probe: Pending, seen: Seen, at: float) -> Line:
    """Something came back over this uplink: the silence ends, and so does any doubt of its cable.

    Only if the probe left after the last break: an answer may have waited in our own buffers.
    """
    pending, known = _without(line, probe), {**line.seen, probe.target: seen}
    if probe.sent_at < line.broke_at:
        return replace(line, pending=pending, seen=known)
    kept = (1 - LEVEL_SHARE) ** min(line.run, 500)
    return replace(
        line, pending=pending, seen=known, carrier=True, addressed=True, heard=True, heard_at=at,
        quiet_from=at, run=0, answers=line.answers + 1,
        level=(line.level * kept + 1 - kept) * (1 - LEVEL_SHARE),
    )  # fmt: skip


def _smoothed(seen: Seen, rtt_s: float) -> Seen:
    """RFC 6298, 2.2 and 2.3."""
    srtt_s, rttvar_s = rtt_s, rtt_s / 2
    if seen.srtt_s is not None:
        rttvar_s = 0.75 * seen.rttvar_s + 0.25 * abs(seen.srtt_s - rtt_s)
        srtt_s = 0.875 * seen.srtt_s + 0.125 * rtt_s
    return replace(
        seen, srtt_s=srtt_s, rttvar_s=rttvar_s, last_rtt_s=rtt_s, missed=0, portal=0
    )  # fmt: skip


def _weighed(line: Line, *, lost: int = 0, answered: int = 0) -> tuple[Evidence, ...]:
    pairs = zip(line.evidence, line.settings.losses, strict=True)
    return tuple(weigh(each, limit, lost=lost, answered=answered) for each, limit in pairs)


def _missed(line: Line, probe: Pending, failure: Failure, at: float) -> tuple[Line, bool]:
    """The line after one more probe without an answer, and whether that counts as its loss."""
    seen = line.seen[probe.target]
    was_mute = mute(line, seen)
    seen = replace(
        seen, missed=seen.missed + 1, missed_at=max(at, seen.missed_at), failure=failure,
        answers_before=seen.answers_before if seen.missed else line.answers,
    )  # fmt: skip
    weighed = failure is not Failure.UNSENT and not shaded(line, at)
    if weighed:
        seen = replace(seen, window=add(seen.window, probe.sent_at, lost=1))
    line = replace(line, seen={**line.seen, probe.target: seen})
    if mute(line, seen):
        # What it had been believed for is taken back once, at the miss that shows it to be mute.
        mistaken = 0 if was_mute else seen.missed - 1
        return replace(line, evidence=_weighed(line, lost=-mistaken)), weighed
    if seen.blamed:
        return line, weighed
    line = replace(line, run=line.run + 1)
    if weighed and line.run <= WEIGHED:
        line = replace(line, evidence=_weighed(line, lost=1))
    return line, weighed
