"""What the windows say of a line: loss, round trip, jitter, and how bad that is altogether."""

from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.uplink_memory import Line, counted, shaded
from lbrouter.compile.health.windows import LONG_S, MIDDLE_S, SHORT_S, Sums, total

FEWEST_ANSWERS: Final = 5
"""Round trips that a verdict on them needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One uplink in figures; None where nothing was measured. Without a span: over 5 s."""

    rtt_ms: float | None
    """While the line is full of our own traffic: as the last probes had it, queues and all."""
    jitter_ms: float | None
    loss_percent: float | None
    loss_1s_percent: float | None
    loss_30s_percent: float | None
    heard_ago_s: float | None
    """Seconds since the last answer."""
    since: float
    """Monotonic moment of the last change of state."""
    faults: int
    """Outages that still make its return longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Windows of the counted targets. Loss is a share, times are seconds."""

    short: Sums
    middle: Sums
    long: Sums
    rtt_s: float | None
    short_rtt_s: float | None
    jitter_s: float | None
    short_jitter_s: float | None


def measures(line: Line, at: float) -> Measures:
    """What the windows say at this moment."""
    seen = list(counted(line).values())
    windows = [each.window for each in seen]
    short = [total([each], at, SHORT_S) for each in windows]
    middle = [total([each], at, MIDDLE_S) for each in windows]
    return Measures(
        short=_joined(short),
        middle=_joined(middle),
        long=total(windows, at, LONG_S),
        rtt_s=_typical([each.mean_rtt_s for each in middle]),
        short_rtt_s=_typical([each.mean_rtt_s for each in short]),
        jitter_s=_typical([each.jitter_s for each in middle]),
        short_jitter_s=_typical([each.jitter_s for each in short]),
    )


def crowded_rtt_s(line: Line, at: float) -> float | None:
    """The round trip while we fill the line ourselves, for who reads: nothing is decided by it.

    The windows hold no such probes, since their times are our queue's and not the line's.
    """
    if not shaded(line, at):
        return None
    return _typical([each.srtt_s for each in counted(line).values() if not each.missed])


def _joined(sums: list[Sums]) -> Sums:
    return Sums(
        answered=sum(each.answered for each in sums),
        lost=sum(each.lost for each in sums),
        rtt_s=sum(each.rtt_s for each in sums),
        swing_s=sum(each.swing_s for each in sums),
    )


def _typical(values: list[float | None]) -> float | None:
    """The median of what the targets show, the lower one of two.

    One target that is far away, or answers a whole page, is not the line's delay.
    """
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None


def badness(line: Line, found: Measures) -> float:
    """Orders bad uplinks: a point is 1 % of loss, 50 ms of round trip or 20 ms of jitter.

    What was said last stays until it is wrong by half: the least bad of two bad lines must not
    change with every probe.
    """
    loss = found.long.loss or 0.0
    now = 100 * loss + 20 * (found.rtt_s or 0.0) + 50 * (found.jitter_s or 0.0)
    return now if abs(now - line.badness) > max(5.0, 0.5 * line.badness) else line.badness


def percent(share: float | None) -> float | None:
    """A share as percent."""
    return None if share is None else 100 * share


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds."""
    return None if seconds is None else 1000 * seconds
