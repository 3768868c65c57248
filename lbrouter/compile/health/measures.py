"""Measures of a line from its windows: loss, round trip, jitter, and one number for badness."""

from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.statistics.windows import (
    LONG_WINDOW_S,
    MIDDLE_WINDOW_S,
    SHORT_WINDOW_S,
    WindowTotals,
    window_totals,
)
from lbrouter.compile.health.uplink_memory import UplinkMemory, counted_targets, is_self_congested

MIN_ANSWERS_FOR_RTT: Final = 5
"""Round trips that are needed before they are compared with a limit."""


RECENT_LOSS_STEP: Final = 5.0
"""Percent: the loss of the last seconds is told in steps of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkReadings:
    """One uplink in figures; None where nothing was measured. Without a span: over 5 s."""

    rtt_ms: float | None
    """While the line is full of our own traffic: as the last probes had it, queues and all."""
    jitter_ms: float | None
    loss_percent: float | None
    loss_1s_percent: float | None
    loss_30s_percent: float | None
    last_answer_ago_s: float | None
    """Seconds since the last answer."""
    since: float
    """Monotonic moment of the last change of state."""
    faults: int
    """Faults that still make its return longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMeasures:
    """Windows of the counted targets. Loss is a share, times are seconds."""

    short: WindowTotals
    middle: WindowTotals
    long: WindowTotals
    rtt_s: float | None
    short_rtt_s: float | None
    jitter_s: float | None
    short_jitter_s: float | None


def window_measures(line: UplinkMemory, at: float) -> WindowMeasures:
    """The measures at this moment."""
    seen = list(counted_targets(line).values())
    windows = [each.window for each in seen]
    short = [window_totals([each], at, SHORT_WINDOW_S) for each in windows]
    middle = [window_totals([each], at, MIDDLE_WINDOW_S) for each in windows]
    return WindowMeasures(
        short=_summed(short),
        middle=_summed(middle),
        long=window_totals(windows, at, LONG_WINDOW_S),
        rtt_s=_lower_median([each.mean_rtt_s for each in middle]),
        short_rtt_s=_lower_median([each.mean_rtt_s for each in short]),
        jitter_s=_lower_median([each.jitter_s for each in middle]),
        short_jitter_s=_lower_median([each.jitter_s for each in short]),
    )


def self_congested_rtt_s(line: UplinkMemory, at: float) -> float | None:
    """The round trip while we fill the line ourselves, only for display: it decides nothing.

    The windows hold no such probes, since their times are our queue's and not the line's.
    """
    if not is_self_congested(line, at):
        return None
    return _lower_median(
        [each.srtt_s for each in counted_targets(line).values() if not each.consecutive_misses]
    )


def _summed(sums: list[WindowTotals]) -> WindowTotals:
    return WindowTotals(
        answered=sum(each.answered for each in sums),
        lost=sum(each.lost for each in sums),
        timed=sum(each.timed for each in sums),
        rtt_sum_s=sum(each.rtt_sum_s for each in sums),
        jitter_sum_s=sum(each.jitter_sum_s for each in sums),
    )


def _lower_median(values: list[float | None]) -> float | None:
    """The median over the targets, the lower one of two.

    One target that is far away, or answers a whole page, is not the line's delay.
    """
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None


def badness(line: UplinkMemory, found: WindowMeasures) -> float:
    """Orders bad uplinks: a point is 1 % of loss, 50 ms of round trip or 20 ms of jitter.

    The last value stays until it is wrong by half, and while a line is silent: the least bad of two
    bad lines must not change with every probe, nor because old answers leave the windows.
    """
    if not line.responding:
        return line.badness
    loss = found.long.loss or 0.0
    now = 100 * loss + 20 * (found.rtt_s or 0.0) + 50 * (found.jitter_s or 0.0)
    return now if abs(now - line.badness) > max(5.0, 0.5 * line.badness) else line.badness


def recent_loss_percent(line: UplinkMemory, at: float) -> float:
    """Loss of the last seconds in percent, rounded to `RECENT_LOSS_STEP`: it changes rarely."""
    lost = _summed(
        [
            window_totals([each.window], at, MIDDLE_WINDOW_S)
            for each in counted_targets(line).values()
        ]
    ).loss
    return RECENT_LOSS_STEP * round(100 * (lost or 0.0) / RECENT_LOSS_STEP)


def percent(share: float | None) -> float | None:
    """A share as percent."""
    return None if share is None else 100 * share


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds."""
    return None if seconds is None else 1000 * seconds
