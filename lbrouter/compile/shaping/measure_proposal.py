"""From a measurement of a line to the rates that the file should have. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, TypedDict

from lbrouter.model.units import Rate

MEASURED_FRAME_BYTES: Final = 1514
TCP_SEGMENT_BYTES: Final = 1448
"""Bytes of an Ethernet frame, and of what TCP carries in it: a line's rate counts frames."""

PROPOSED_RATE_DIGITS: Final = 3
"""Of a proposed rate: the measurement is not more exact than that."""

SHAPED_RATE_SHARE: Final = 0.9
"""Of the shaped rate: a result above this share has measured the shaping, not the line."""


class LatencyDocument(TypedDict):
    """Round trips in milliseconds, null without an answer."""

    median_ms: float | None
    p95_ms: float | None


class DirectionMeasurement(TypedDict):
    """One direction: the median second, what to write, and whether our own shaping was measured."""

    goodput_bps: int
    line_bps: int
    proposed: str
    shaped: bool
    loaded: LatencyDocument


class UplinkMeasurement(TypedDict):
    """The document of `lbrouter measure --json`."""

    uplink: str
    idle: LatencyDocument
    upload: DirectionMeasurement | None
    download: DirectionMeasurement | None
    snippet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionSamples:
    """What one direction carried, second by second (bits per second), and round trips meanwhile."""

    goodput_bps: Sequence[float]
    rtts_s: Sequence[float]


def latency_summary(rtts_s: Sequence[float]) -> LatencyDocument:
    """Median and 95th percentile."""
    if not rtts_s:
        return {"median_ms": None, "p95_ms": None}
    worst = quantiles(rtts_s, n=20)[-1] if len(rtts_s) > 1 else rtts_s[0]
    return {"median_ms": round(median(rtts_s) * 1000, 1), "p95_ms": round(worst * 1000, 1)}


def direction_measurement(
    samples: DirectionSamples, *, limit: int | None
) -> DirectionMeasurement | None:
    """One direction; `limit` is the rate to which the gateway itself limits it, if it does.

    None where nothing was measured.
    """
    if not samples.goodput_bps:
        return None
    goodput = median(samples.goodput_bps)
    line = goodput * MEASURED_FRAME_BYTES / TCP_SEGMENT_BYTES
    return {
        "goodput_bps": round(goodput),
        "line_bps": round(line),
        "proposed": str(rounded_down_rate(line)),
        "shaped": limit is not None and line >= SHAPED_RATE_SHARE * limit,
        "loaded": latency_summary(samples.rtts_s),
    }


def rounded_down_rate(bps: float) -> Rate:
    """The rate, rounded down to three digits: shaping above the line has no effect."""
    whole = int(bps)
    scale = 10 ** max(0, len(str(whole)) - PROPOSED_RATE_DIGITS)
    return Rate(whole // scale * scale)


def config_snippet(uplink: str, directions: Mapping[str, DirectionMeasurement | None]) -> str:
    """The lines for the file."""
    lines = [f"[uplinks.{uplink}]"]
    for direction, samples in directions.items():
        if samples is not None:
            shaped_note = "   # not more than the file's own limit let through" * samples["shaped"]
            key = f"{direction:<8}"
            lines.append(f'{key} = "{samples["proposed"]}"{shaped_note}')
    return "\n".join(lines)
