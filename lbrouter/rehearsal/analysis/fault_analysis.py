"""What the flows of one policy went through in one fault, read off their own records. Pure.

Times are seconds of CLOCK_MONOTONIC, which all namespaces of a machine share.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lbrouter.rehearsal.checks.context import AT_ONCE
from lbrouter.rehearsal.checks.faults import Duty, Promise
from lbrouter.rehearsal.lab.process import Row

RECONNECT_S = 2.0
"""An encoder's wait before it connects anew: the default of OBS Studio since 2022."""

ENCODER_MS = RECONNECT_S * 1000 + 2500
"""What an encoder may take beyond the failover: TCP's timeout, its own wait, a retry."""

FEW = 8
"""New flows in a row that show where flows go now: each of four clients twice."""

REFUSED = 40
"""Two seconds of new flows, among which some must have been refused."""

SETTLE_MS = 800
"""What a stream of datagrams may take beyond the failover: its own interval, a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When the fault came, when it was undone, when watching ended."""

    fault: float
    healed: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """What one policy's flows saw of one fault of one uplink, times in milliseconds.

    `moved_ms` is from the fault to the first new flow after the last that failed or went by the
    uplink; None where no new flow went by it before, infinity where the last one still did. `gaps`
    are the longest silences of the streams that the uplink carried, by kind; `broken` counts flows
    of other uplinks that broke or moved, and flows that broke on the return. `back_ms` is from the
    repair to the first new flow by the uplink, None where it was not waited for.
    """

    moved_ms: float | None
    refused: bool
    gaps: dict[str, float]
    broken: int
    back_ms: float | None
    left: bool


Where = Callable[[str], str | None]
"""The uplink of a source address that the internet saw."""


def ordeal(rows: Sequence[Row], uplink: str, moments: Moments, where: Where) -> Ordeal:
    """Read the rows of one policy (`streams.py`; `times` of every stream filled in)."""
    new = sorted((row for row in rows if row["kind"] == "new" and "ms" in row), key=_at)
    streams = [row for row in rows if row["kind"] != "new"]
    ours = [row for row in streams if _place(row, moments.fault, where) == uplink]
    others = [row for row in streams if _place(row, moments.fault, where) not in (uplink, None)]
    gaps: dict[str, float] = {}
    for row in ours:
        gap = longest_gap_ms(row["times"], moments.fault, moments.healed)
        gaps[row["kind"]] = max(gap, gaps.get(row["kind"], 0.0))
    during = [row for row in new if moments.fault <= row["at"] < moments.healed]
    moved = _moved_ms(new, uplink, moments, where)
    late = during[-FEW:]
    return Ordeal(
        moved_ms=moved,
        refused=refused_at_once(during),
        gaps=gaps,
        broken=sum(_hurt(row, moments.fault, where) for row in others)
        + sum(_hurt(row, moments.healed, where) for row in ours),
        back_ms=_back_ms(new, uplink, moments, where),
        left=bool(late) and not any(where(row["seen"]) == uplink for row in late),
    )


def refused_at_once(rows: Sequence[Row]) -> bool:
    """Whether the last flows all failed, some of them with an answer: a kernel sends few ICMP
    errors a second to one client (RFC 4443, 2.4 f), and the rest waits.
    """
    late = rows[-FEW:]
    refused = any(row["error"] in AT_ONCE for row in rows[-REFUSED:])
    return len(late) == FEW and all(row["error"] for row in late) and refused


def _at(row: Row) -> float:
    return float(row["at"])


def _place(row: Row, moment: float, where: Where) -> str | None:
    """The uplink that carried a stream at a moment, None where nothing of it had arrived yet."""
    seen = [source for at, source in row["seen"] if at <= moment]
    return where(seen[-1]) if seen else None


def _hurt(row: Row, since: float, where: Where) -> bool:
    """Whether a stream broke or changed its uplink after a moment, though it need not."""
    broke = any(at > since for at, _ in row["breaks"])
    return broke or any(
        at > since and where(source) != _place(row, since, where) for at, source in row["seen"]
    )


def _moved_ms(new: Sequence[Row], uplink: str, moments: Moments, where: Where) -> float | None:
    before = [row for row in new if row["at"] < moments.fault]
    if not any(where(row["seen"]) == uplink for row in before):
        return None
    during = [row for row in new if moments.fault <= row["at"] < moments.healed]
    bad = [row["error"] != "" or where(row["seen"]) == uplink for row in during]
    if not during or any(bad[-FEW:]):
        return math.inf
    first = len(bad) - bad[::-1].index(True) if True in bad else 0
    return float(during[first]["at"] - moments.fault) * 1000


def _back_ms(new: Sequence[Row], uplink: str, moments: Moments, where: Where) -> float | None:
    after = (row for row in new if row["at"] >= moments.healed and where(row["seen"]) == uplink)
    first = next(after, None)
    return None if first is None else (first["at"] - moments.healed) * 1000


def again_ms(
    rows: Sequence[Row], uplink: str, fault: float, taken: float, where: Where
) -> float | None:
    """From the fault to the first new flow by the uplink after it was there again (`taken`), and
    after the last new flow that failed; None without one.
    """
    new = sorted((row for row in rows if row["kind"] == "new" and "ms" in row), key=_at)
    since = max([taken, *(row["at"] for row in new if row["at"] >= fault and row["error"])])
    good = (row for row in new if row["at"] >= since and where(row["seen"]) == uplink)
    first = next(good, None)
    return None if first is None else float(first["at"] - fault) * 1000


def longest_gap_ms(times: Iterable[float], begin: float, end: float) -> float:
    """The longest time without an arrival that overlaps `begin` to `end`; infinity if it lasts."""
    found = sorted(times)
    if not found or found[-1] < begin:
        return math.inf
    gaps = [b - a for a, b in itertools.pairwise(found) if b > begin and a < end]
    if found[-1] < end:
        gaps.append(math.inf if end - found[-1] > SETTLE_MS / 1000 else end - found[-1])
    return max(gaps, default=0.0) * 1000


def shortcomings(promise: Promise, seen: Ordeal) -> list[str]:
    """In words, what the policy owed and did not do; nothing when all was as it should be."""
    found = []
    if seen.broken:
        found.append(f"{seen.broken} flows broke or moved that had nothing to do with it")
    if seen.moved_ms is None:  # no new flow went by the uplink: nothing is owed
        return found
    found += DUTIES[promise.duty](promise, seen)
    if promise.returns and seen.back_ms is None:
        found.append("new flows did not return")
    return found


def _left(promise: Promise, seen: Ordeal) -> list[str]:
    found = _late("new flows", seen.moved_ms or 0, promise.within_ms)
    # a line that is only bad still carries its streams
    return found + (_silent(promise, seen) if promise.returns else [])


def _renewed(promise: Promise, seen: Ordeal) -> list[str]:
    return _late("new flows by it", seen.back_ms or 0, promise.within_ms) + _silent(promise, seen)


def _silent(promise: Promise, seen: Ordeal) -> list[str]:
    """Streams that were silent for too long."""
    found = []
    for kind, gap in seen.gaps.items():
        found += _late(NAMES[kind], gap, promise.within_ms + _slack_ms(kind))
    return found


def _stayed(_promise: Promise, seen: Ordeal) -> list[str]:
    left = seen.left and seen.moved_ms != math.inf
    return ["left, though nothing asked for it"] if left else []


def _refused(_promise: Promise, seen: Ordeal) -> list[str]:
    return [] if seen.refused else ["new flows are not refused at once"]


def _nothing(_promise: Promise, _seen: Ordeal) -> list[str]:
    return []


DUTIES: Mapping[Duty, Callable[[Promise, Ordeal], list[str]]] = {
    Duty.LEAVE: _left,
    Duty.RENEW: _renewed,
    Duty.STAY: _stayed,
    Duty.REFUSE: _refused,
    Duty.ANY: _nothing,
}
"""What was not done of each."""


def _slack_ms(kind: str) -> float:
    """What a stream may take beyond new flows."""
    return ENCODER_MS if kind == "push" else SETTLE_MS


def _late(what: str, took_ms: float, allowed_ms: float) -> list[str]:
    if took_ms <= allowed_ms:
        return []
    took = "never" if math.isinf(took_ms) else f"after {took_ms / 1000:.1f} s"
    return [f"{what}: {took}, allowed {allowed_ms / 1000:.1f} s"]


NAMES = {"push": "encoder", "udp": "UDP stream", "call": "call"}
"""The kinds of streams, for people."""
