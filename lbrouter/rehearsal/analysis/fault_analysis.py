"""The effect of one fault on the flows of one policy, from their own records. Pure.

Times are seconds of CLOCK_MONOTONIC, which all namespaces of a machine share.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lbrouter.rehearsal.analysis.stream_records import datagram_gap_ms
from lbrouter.rehearsal.lab.faults import Expectation, ExpectedReaction
from lbrouter.rehearsal.lab.process import JsonRow

PROMPT_REFUSALS = frozenset({"unreachable", "prohibited", "refused"})
"""Answers that tell a client at once that there is no path, so that it need not wait."""

ENCODER_RECONNECT_S = 2.0
"""An encoder's wait before it connects again: the default of OBS Studio since 2022."""

ENCODER_ALLOWANCE_MS = ENCODER_RECONNECT_S * 1000 + 2500
"""What an encoder may take beyond the failover: TCP's timeout, its own wait, a retry."""

RECENT_FLOW_COUNT = 8
"""New flows in a row that show where flows go now: each of four clients twice."""

REFUSAL_WINDOW_FLOWS = 40
"""Two seconds of new flows, among which some must have been refused."""

DATAGRAM_ALLOWANCE_MS = 800
"""What a stream of datagrams may take beyond the failover of new flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultTimes:
    """When the fault began, when it was undone, when the observation ended."""

    began_at: float
    restored_at: float
    ended_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOutcome:
    """What one policy's flows saw of one fault of one uplink, times in milliseconds.

    `moved_ms` is from the fault to the first new flow after the last that failed or went by the
    uplink; None where no new flow went by it before, infinity where the last one still did. `gaps`
    are the longest silences of the streams that the uplink carried, by kind; of datagrams, the
    longest time in which they were lost. `broken` counts flows of other uplinks that broke or
    moved, and flows that broke on the return. `back_ms` is from the repair to the first new flow by
    the uplink, None where it was not waited for.
    """

    moved_ms: float | None
    refused: bool
    gaps_ms: dict[str, float]
    broken: int
    back_ms: float | None
    left: bool


UplinkOf = Callable[[str], str | None]
"""The uplink of a source address that the internet saw."""


def fault_outcome(
    rows: Sequence[JsonRow], uplink: str, moments: FaultTimes, where: UplinkOf
) -> FaultOutcome:
    """Read the rows of one policy (`streams.py`; `times` of every stream filled in)."""
    new = sorted((row for row in rows if row["kind"] == "new" and "ms" in row), key=_row_time)
    streams = [row for row in rows if row["kind"] != "new"]
    ours = [row for row in streams if uplink_at(row, moments.began_at, where) == uplink]
    others = [
        row for row in streams if uplink_at(row, moments.began_at, where) not in (uplink, None)
    ]
    gaps: dict[str, float] = {}
    for row in ours:
        if "numbers" in row and row["kind"] != "push":
            allowed_s = DATAGRAM_ALLOWANCE_MS / 1000
            gap = datagram_gap_ms(
                row, moments.began_at, moments.restored_at, still_coming_s=allowed_s
            )
        else:
            gap = longest_gap_ms(row["times"], moments.began_at, moments.restored_at)
        gaps[row["kind"]] = max(gap, gaps.get(row["kind"], 0.0))
    during = [row for row in new if moments.began_at <= row["at"] < moments.restored_at]
    moved = _moved_ms(new, uplink, moments, where)
    late = during[-RECENT_FLOW_COUNT:]
    after = (
        row for row in new if row["at"] >= moments.restored_at and where(row["seen"]) == uplink
    )
    first = next(after, None)
    return FaultOutcome(
        moved_ms=moved,
        refused=refused_at_once(during),
        gaps_ms=gaps,
        broken=sum(_was_disturbed(row, moments.began_at, where) for row in others)
        + sum(_was_disturbed(row, moments.restored_at, where) for row in ours),
        back_ms=None if first is None else (first["at"] - moments.restored_at) * 1000,
        left=bool(late) and not any(where(row["seen"]) == uplink for row in late),
    )


def refused_at_once(rows: Sequence[JsonRow]) -> bool:
    """Whether the last flows all failed, some of them with an answer: a kernel sends few ICMP
    errors a second to one client (RFC 4443, 2.4 f), and the rest waits.
    """
    late = rows[-RECENT_FLOW_COUNT:]
    refused = any(row["error"] in PROMPT_REFUSALS for row in rows[-REFUSAL_WINDOW_FLOWS:])
    return len(late) == RECENT_FLOW_COUNT and all(row["error"] for row in late) and refused


def _row_time(row: JsonRow) -> float:
    return float(row["at"])


def uplink_at(row: JsonRow, moment: float, where: UplinkOf) -> str | None:
    """The uplink that carried a stream at a moment, None where nothing of it had arrived yet."""
    seen = [source for at, source in row["seen"] if at <= moment]
    return where(seen[-1]) if seen else None


def _was_disturbed(row: JsonRow, since: float, where: UplinkOf) -> bool:
    """Whether a stream broke or changed its uplink after a moment, though it need not."""
    broke = any(at > since for at, _ in row["breaks"])
    return broke or any(
        at > since and where(source) != uplink_at(row, since, where) for at, source in row["seen"]
    )


def _moved_ms(
    new: Sequence[JsonRow], uplink: str, moments: FaultTimes, where: UplinkOf
) -> float | None:
    before = [row for row in new if row["at"] < moments.began_at]
    if not any(where(row["seen"]) == uplink for row in before):
        return None
    during = [row for row in new if moments.began_at <= row["at"] < moments.restored_at]
    bad = [row["error"] != "" or where(row["seen"]) == uplink for row in during]
    if not during or any(bad[-RECENT_FLOW_COUNT:]):
        return math.inf
    first = len(bad) - bad[::-1].index(True) if True in bad else 0
    return float(during[first]["at"] - moments.began_at) * 1000


def lease_return_ms(
    rows: Sequence[JsonRow], uplink: str, fault: float, taken: float, where: UplinkOf
) -> float | None:
    """From the fault to the first new flow by the uplink after it was there again (`taken`), and
    after the last new flow that failed; None without one.
    """
    new = sorted((row for row in rows if row["kind"] == "new" and "ms" in row), key=_row_time)
    since = max([taken, *(row["at"] for row in new if row["at"] >= fault and row["error"])])
    good = (row for row in new if row["at"] >= since and where(row["seen"]) == uplink)
    first = next(good, None)
    return None if first is None else float(first["at"] - fault) * 1000


def longest_gap_ms(times: Iterable[float], begin: float, end: float) -> float:
    """The longest time without an arrival that overlaps `begin` to `end`; infinity if it lasts."""
    moments = sorted(times)
    if not moments or moments[-1] < begin:
        return math.inf
    gaps = [b - a for a, b in itertools.pairwise(moments) if b > begin and a < end]
    if moments[-1] < end:
        gaps.append(
            math.inf if end - moments[-1] > DATAGRAM_ALLOWANCE_MS / 1000 else end - moments[-1]
        )
    return max(gaps, default=0.0) * 1000


def violations(expectation: Expectation, seen: FaultOutcome) -> list[str]:
    """In words, what the policy should have done and did not do; empty if all was right."""
    violations = []
    if seen.broken:
        violations.append(f"{seen.broken} flows broke or moved that are not part of the fault")
    if seen.moved_ms is None:  # no new flow went by the uplink: nothing is expected
        return violations
    violations += VIOLATIONS_BY_REACTION[expectation.reaction](expectation, seen)
    if expectation.returns and seen.back_ms is None:
        violations.append("new flows did not return")
    return violations


def _leave_violations(expectation: Expectation, seen: FaultOutcome) -> list[str]:
    late = _delay_violation("new flows", seen.moved_ms or 0, expectation.within_ms)
    # a line that is only bad still carries its streams
    return late + (_silence_violations(expectation, seen) if expectation.returns else [])


def _renew_violations(expectation: Expectation, seen: FaultOutcome) -> list[str]:
    return _delay_violation(
        "new flows by it", seen.back_ms or 0, expectation.within_ms
    ) + _silence_violations(expectation, seen)


def _silence_violations(expectation: Expectation, seen: FaultOutcome) -> list[str]:
    """Streams that were silent for too long."""
    violations = []
    for kind, gap in seen.gaps_ms.items():
        beyond_ms = ENCODER_ALLOWANCE_MS if kind == "push" else DATAGRAM_ALLOWANCE_MS
        violations += _delay_violation(STREAM_TITLES[kind], gap, expectation.within_ms + beyond_ms)
    return violations


def _stay_violations(_expectation: Expectation, seen: FaultOutcome) -> list[str]:
    left = seen.left and seen.moved_ms != math.inf
    return ["the policy left the uplink without need"] if left else []


def _refusal_violations(_expectation: Expectation, seen: FaultOutcome) -> list[str]:
    return [] if seen.refused else ["new flows are not refused at once"]


def _no_violations(_expectation: Expectation, _seen: FaultOutcome) -> list[str]:
    return []


VIOLATIONS_BY_REACTION: Mapping[
    ExpectedReaction, Callable[[Expectation, FaultOutcome], list[str]]
] = {
    ExpectedReaction.LEAVE: _leave_violations,
    ExpectedReaction.RENEW: _renew_violations,
    ExpectedReaction.STAY: _stay_violations,
    ExpectedReaction.REFUSE: _refusal_violations,
    ExpectedReaction.ANY: _no_violations,
}
"""The violations of each expected reaction."""


def _delay_violation(what: str, took_ms: float, allowed_ms: float) -> list[str]:
    if took_ms <= allowed_ms:
        return []
    took = "never" if math.isinf(took_ms) else f"after {took_ms / 1000:.1f} s"
    return [f"{what}: {took}, allowed {allowed_ms / 1000:.1f} s"]


STREAM_TITLES = {"push": "encoder", "udp": "UDP stream", "call": "call"}
"""The kinds of streams, for people."""
