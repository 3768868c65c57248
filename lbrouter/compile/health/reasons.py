"""Why an uplink is in its state, in one short sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.condition import (
    IN_USE_STATES,
    captive_portal_target,
    is_suspect,
    recovery_delay_s,
    standing_condition,
)
from lbrouter.compile.health.full_size import UNANSWERED_TO_TELL, full_size_passed
from lbrouter.compile.health.measures import WindowMeasures, milliseconds, percent, window_measures
from lbrouter.compile.health.settings import ToleranceLimits
from lbrouter.compile.health.statistics.damping import remembered_faults
from lbrouter.compile.health.tolerance import policy_return_at
from lbrouter.compile.health.transitions import UplinkCondition
from lbrouter.compile.health.uplink_memory import (
    PolicyTolerance,
    QualityMetric,
    UplinkMemory,
    counted_targets,
)
from lbrouter.model.health import ReasonCode, UplinkState

METRIC_CODES: Final = {
    QualityMetric.LOSS: ReasonCode.LOSS,
    QualityMetric.LATENCY: ReasonCode.LATENCY,
    QualityMetric.JITTER: ReasonCode.JITTER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a line is in its state: a stable word for programs, a sentence for people."""

    code: ReasonCode
    text: str


def reason_of(line: UplinkMemory, at: float, *, is_last_resort: bool) -> Reason:
    """One sentence; the strongest reason comes first. Of a drained line that died, why it died."""
    standing = _standing_reason(line, at)
    if standing is not None:
        return standing
    if line.state not in IN_USE_STATES:
        checking = line.state is UplinkState.CHECKING
        text = _recovery_text(line, at, is_last_resort=is_last_resort)
        return Reason(code=ReasonCode.CHECKING if checking else ReasonCode.HOLD_DOWN, text=text)
    found = tuple(_impairments(line, at))
    if found:
        return Reason(code=found[0].code, text="; ".join(each.text for each in found))
    return _answering_reason(line)


def _standing_reason(line: UplinkMemory, at: float) -> Reason | None:
    """The reason that a condition without a clock gives, if one holds."""
    condition, name = standing_condition(line), line.settings.interface
    match condition:
        case UplinkCondition.NO_INTERFACE:
            return Reason(code=ReasonCode.NO_INTERFACE, text=f"interface {name} is not there")
        case UplinkCondition.NO_CARRIER:
            return Reason(code=ReasonCode.NO_CARRIER, text=f"no carrier on {name}")
        case UplinkCondition.NO_ADDRESS:
            unknown = f"no address yet ({line.settings.addressing}) on {name}"
            return Reason(code=ReasonCode.NO_ADDRESS, text=line.no_address_reason or unknown)
        case UplinkCondition.SILENT:
            return Reason(code=ReasonCode.NO_ANSWER, text=_silence_text(line, at))
        case UplinkCondition.DRAINED:
            return Reason(code=ReasonCode.DRAINED, text="drained by hand")
        case UplinkCondition.UNJUDGED:
            text = "it has an address; no target has answered yet"
            return Reason(code=ReasonCode.CHECKING, text=text)
        case _:
            return None


def _silence_text(line: UplinkMemory, at: float) -> str:
    seen = counted_targets(line)
    failures = {each.failure for each in seen.values() if each.consecutive_misses}
    word = failures.pop().value if len(failures) == 1 else "no answer"
    span = at - line.silent_since
    return f"{word} on {_count_text(len(seen), 'target')} for {duration_text(span)}"


def _recovery_text(line: UplinkMemory, at: float, *, is_last_resort: bool) -> str:
    needed, clean = (
        recovery_delay_s(line, at, is_last_resort=is_last_resort),
        max(at - line.last_fault_at, 0.0),
    )
    again = remembered_faults(line.flap_penalty, at)
    why = f", longer after {again} outages" if again > 1 and not is_last_resort else ""
    if line.state is UplinkState.CHECKING:
        return f"answers for {duration_text(clean)}; in use after {duration_text(needed)} of that"
    return (
        f"answers again for {duration_text(clean)};"
        f" back after {duration_text(needed)} without fault{why}"
    )


def _impairments(line: UplinkMemory, at: float) -> Iterator[Reason]:
    suspicion = _suspicion_text(line, at)
    if suspicion:
        yield Reason(code=ReasonCode.SUSPECT, text=suspicion)
    page = captive_portal_target(line)
    if page is not None:
        yield Reason(code=ReasonCode.CAPTIVE_PORTAL, text=f"captive portal instead of {page}")
    if line.is_black_hole:
        yield Reason(code=ReasonCode.MTU_BLACK_HOLE, text=_black_hole_text(line))
    pairs = zip(line.settings.limits, line.policy_tolerance, strict=True)
    over = [(limits, each, each.exceeded) for limits, each in pairs if each.exceeded is not None]
    if over:
        found = window_measures(line, at)
        for limits, each, metric in over:
            text = _exceeded_text(limits, each, metric, found, at)
            yield Reason(code=METRIC_CODES[metric], text=text)


def _suspicion_text(line: UplinkMemory, at: float) -> str:
    """Why new flows avoid a line that was silent for a moment; "" where it was not."""
    if line.suspect and at < line.last_reply_at + line.settings.down_after_s:
        quiet = duration_text(at - line.silent_since)
        return f"no target answers for {quiet}, connections go on; new flows avoid it"
    if line.suspect:
        return f"no answer for {duration_text(at - line.silent_since)}; new flows avoid it"
    if is_suspect(line, at):
        left = duration_text(line.suspect_until - at)
        return f"was silent; new flows avoid it for another {left}"
    return ""


def _black_hole_text(line: UplinkMemory) -> str:
    size = line.full_size_bytes
    return (
        f"packets of {size} bytes do not pass any more, small ones do;"
        f" set `mtu` for this uplink below {size}"
    )


def _exceeded_text(
    limits: ToleranceLimits,
    tolerance: PolicyTolerance,
    metric: QualityMetric,
    found: WindowMeasures,
    at: float,
) -> str:
    """What is over which limit, "loss 12 % > 2 % (show)", or when the policy comes back."""
    now, limit, unit = _value_and_limit(limits, metric, found)
    text = "unknown" if now is None else f"{_two_figures(now)} {unit}"
    back = policy_return_at(tolerance)
    if back is not None:
        return (
            f"{metric} {text},"
            f" back in {duration_text(max(back - at, 0.0))} if it stays ({limits.policy})"
        )
    if now is not None and now > limit:
        return f"{metric} {text} > {_two_figures(limit)} {unit} ({limits.policy})"
    return f"{metric} {text}, was over {_two_figures(limit)} {unit} ({limits.policy})"


def _value_and_limit(
    limits: ToleranceLimits, metric: QualityMetric, found: WindowMeasures
) -> tuple[float | None, float, str]:
    """What is measured, what is tolerated, and the unit of both."""
    if metric is QualityMetric.LOSS:
        return percent(found.middle.loss), 100 * (limits.loss or 0.0), "%"
    if metric is QualityMetric.LATENCY:
        return milliseconds(found.rtt_s), 1000 * (limits.latency_s or 0.0), "ms"
    return milliseconds(found.jitter_s), 1000 * (limits.jitter_s or 0.0), "ms"


def _answering_reason(line: UplinkMemory) -> Reason:
    if line.last_answer_at is None:
        return Reason(code=ReasonCode.NOT_PROBED, text="not probed yet")
    fine = sum(
        1
        for seen in line.targets.values()
        if not seen.consecutive_misses and seen.srtt_s is not None
    )
    text = f"{fine} of {_count_text(len(line.targets), 'target')} answer"
    if line.full_size_misses >= UNANSWERED_TO_TELL and not full_size_passed(line):
        text = f"{text}; none answers packets of {line.full_size_bytes} bytes"
    return Reason(code=ReasonCode.ANSWERING, text=text)


def _count_text(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def duration_text(seconds: float) -> str:
    """A time as people say it: "0.9 s", "12 s", "5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _two_figures(value: float) -> str:
    """Two figures: "1.9", "12"."""
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
