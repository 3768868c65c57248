"""Why an uplink is in its state, in one short sentence."""

from collections.abc import Iterator

from lbrouter.compile.health.condition import captive_portal_target, is_suspect, recovery_delay_s
from lbrouter.compile.health.damping import remembered_faults
from lbrouter.compile.health.measures import WindowMeasures, milliseconds, percent, window_measures
from lbrouter.compile.health.settings import ToleranceLimits
from lbrouter.compile.health.tolerance import policy_return_at
from lbrouter.compile.health.uplink_memory import (
    PolicyTolerance,
    QualityMetric,
    UplinkMemory,
    counted_targets,
)
from lbrouter.model.health import UplinkState


def reason_text(line: UplinkMemory, at: float, *, is_last_resort: bool) -> str:
    """One sentence; the strongest reason comes first."""
    if line.drained:
        return "drained by hand"
    if not line.carrier:
        return f"no carrier on {line.settings.interface}"
    if not line.addressed:
        unknown = f"no address yet ({line.settings.addressing}) on {line.settings.interface}"
        return line.no_address_reason or unknown
    if not line.responding:
        return _silence_text(line, at)
    if line.state is UplinkState.DOWN or line.state is UplinkState.WAITING:
        return _recovery_text(line, at, is_last_resort=is_last_resort)
    return "; ".join(_impairments(line, at)) or _answering_text(line)


def _silence_text(line: UplinkMemory, at: float) -> str:
    seen = counted_targets(line)
    failures = {each.failure for each in seen.values() if each.consecutive_misses}
    word = failures.pop().value if len(failures) == 1 else "no answer"
    span = at - line.silent_since
    return f"{word} on {_count_text(len(seen), 'target')} for {_duration_text(span)}"


def _recovery_text(line: UplinkMemory, at: float, *, is_last_resort: bool) -> str:
    needed, clean = (
        recovery_delay_s(line, at, is_last_resort=is_last_resort),
        max(at - line.last_fault_at, 0.0),
    )
    again = remembered_faults(line.flap_penalty, at)
    why = f", longer after {again} outages" if again > 1 and not is_last_resort else ""
    return (
        f"answers again for {_duration_text(clean)};"
        f" back after {_duration_text(needed)} without fault{why}"
    )


def _impairments(line: UplinkMemory, at: float) -> Iterator[str]:
    if line.suspect and at < line.last_reply_at + line.settings.down_after_s:
        quiet = _duration_text(at - line.silent_since)
        yield f"no target answers for {quiet}, connections go on; new flows avoid it"
    elif line.suspect:
        yield f"no answer for {_duration_text(at - line.silent_since)}; new flows avoid it"
    elif is_suspect(line, at):
        yield (
            f"was silent; new flows avoid it for another {_duration_text(line.suspect_until - at)}"
        )
    page = captive_portal_target(line)
    if page is not None:
        yield f"captive portal instead of {page}"
    pairs = zip(line.settings.limits, line.policy_tolerance, strict=True)
    over = [(limits, each, each.exceeded) for limits, each in pairs if each.exceeded is not None]
    if over:
        found = window_measures(line, at)
        yield from (_exceeded_text(limits, each, out, found, at) for limits, each, out in over)


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
            f" back in {_duration_text(max(back - at, 0.0))} if it stays ({limits.policy})"
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


def _answering_text(line: UplinkMemory) -> str:
    if line.last_answer_at is None:
        return "not probed yet"
    fine = sum(
        1
        for seen in line.targets.values()
        if not seen.consecutive_misses and seen.srtt_s is not None
    )
    return f"{fine} of {_count_text(len(line.targets), 'target')} answer"


def _count_text(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _duration_text(seconds: float) -> str:
    """A time as people say it: "0.9 s", "12 s", "5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _two_figures(value: float) -> str:
    """Two figures: "1.9", "12"."""
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
