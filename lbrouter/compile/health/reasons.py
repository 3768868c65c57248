"""Why an uplink is in its state, as a message."""

from collections.abc import Iterator
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
from lbrouter.model.events import ProbeFailure
from lbrouter.model.health import UplinkState
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import Message, MessageValue, joined, message

METRIC_CODES: Final = {
    QualityMetric.LOSS: ReasonCode.LOSS,
    QualityMetric.LATENCY: ReasonCode.LATENCY,
    QualityMetric.JITTER: ReasonCode.JITTER,
}


def reason_of(line: UplinkMemory, at: float, *, is_last_resort: bool) -> Message:
    """The strongest reason comes first. Of a drained line that died, why it died."""
    standing = _standing_reason(line, at)
    if standing is not None:
        return standing
    if line.state not in IN_USE_STATES:
        needed_s = recovery_delay_s(line, at, is_last_resort=is_last_resort)
        clean_s = max(at - line.last_fault_at, 0.0)
        if line.state is UplinkState.CHECKING:
            return message(ReasonCode.CHECKING, clean_s=clean_s, needed_s=needed_s)
        outages = remembered_faults(line.flap_penalty, at)
        if outages > 1 and not is_last_resort:
            return message(
                ReasonCode.HOLD_DOWN, clean_s=clean_s, needed_s=needed_s, outages=outages
            )
        return message(ReasonCode.HOLD_DOWN, clean_s=clean_s, needed_s=needed_s)
    found = list(_impairments(line, at))
    return joined(found) if found else _answering_reason(line)


def _standing_reason(line: UplinkMemory, at: float) -> Message | None:
    """The reason that a condition without a clock gives, if one holds."""
    condition, interface = standing_condition(line), line.settings.interface
    match condition:
        case UplinkCondition.NO_INTERFACE:
            known = line.no_address_reason
            told = known is not None and known.code is ReasonCode.NO_INTERFACE
            return known if told else message(ReasonCode.NO_INTERFACE, interface=interface)
        case UplinkCondition.NO_CARRIER:
            return message(ReasonCode.NO_CARRIER, interface=interface)
        case UplinkCondition.NO_ADDRESS:
            how = str(line.settings.addressing)
            unknown = message(ReasonCode.NO_ADDRESS, how=how, interface=interface)
            return no_address(line.no_address_reason) if line.no_address_reason else unknown
        case UplinkCondition.SILENT:
            seen = counted_targets(line)
            failures = {each.failure for each in seen.values() if each.consecutive_misses}
            word = failures.pop() if len(failures) == 1 else ProbeFailure.NO_ANSWER
            return message(
                ReasonCode.NO_ANSWER,
                failure=str(word),
                targets=len(seen),
                span_s=at - line.silent_since,
            )
        case UplinkCondition.DRAINED:
            return message(ReasonCode.DRAINED)
        case UplinkCondition.UNJUDGED:
            return message(ReasonCode.CHECKING)
        case _:
            return None


def no_address(why: Message) -> Message:
    """`why` as the reason of a line without an address: a detail gets the code of them all."""
    return why if why.code in set(ReasonCode) else message(ReasonCode.NO_ADDRESS, why=why)


def _impairments(line: UplinkMemory, at: float) -> Iterator[Message]:
    # Why new flows avoid a line that was silent for a moment; nothing where it was not.
    quiet_s = at - line.silent_since
    if line.suspect and at < line.last_reply_at + line.settings.down_after_s:
        yield message(ReasonCode.SUSPECT, passing_s=quiet_s)
    elif line.suspect:
        yield message(ReasonCode.SUSPECT, silent_s=quiet_s)
    elif is_suspect(line, at):
        yield message(ReasonCode.SUSPECT, avoided_s=line.suspect_until - at)
    page = captive_portal_target(line)
    if page is not None:
        yield message(ReasonCode.CAPTIVE_PORTAL, page=page)
    if line.is_black_hole:
        yield message(ReasonCode.MTU_BLACK_HOLE, size=line.full_size_bytes)
    pairs = zip(line.settings.limits, line.policy_tolerance, strict=True)
    over = [(limits, each, each.exceeded) for limits, each in pairs if each.exceeded is not None]
    if over:
        found = window_measures(line, at)
        for limits, each, metric in over:
            yield _exceeded(limits, each, metric, found, at)


def _exceeded(
    limits: ToleranceLimits,
    tolerance: PolicyTolerance,
    metric: QualityMetric,
    found: WindowMeasures,
    at: float,
) -> Message:
    """What is over which limit, "loss 12 % > 2 % (show)", or when the policy comes back."""
    now, limit, unit = _value_and_limit(limits, metric, found)
    back = policy_return_at(tolerance)
    values: dict[str, MessageValue] = {f"now_{unit}": now, "policy": limits.policy}
    if back is not None:
        values["back_s"] = max(back - at, 0.0)
    elif now is not None and now > limit:
        values[f"limit_{unit}"] = limit
    else:
        values[f"exceeded_{unit}"] = limit
    return Message(code=METRIC_CODES[metric], values=values)


def _value_and_limit(
    limits: ToleranceLimits, metric: QualityMetric, found: WindowMeasures
) -> tuple[float | None, float, str]:
    """What is measured, what is tolerated, and the unit of both."""
    if metric is QualityMetric.LOSS:
        return percent(found.middle.loss), 100 * (limits.loss or 0.0), "percent"
    if metric is QualityMetric.LATENCY:
        return milliseconds(found.rtt_s), 1000 * (limits.latency_s or 0.0), "ms"
    return milliseconds(found.jitter_s), 1000 * (limits.jitter_s or 0.0), "ms"


def _answering_reason(line: UplinkMemory) -> Message:
    if line.last_answer_at is None:
        return message(ReasonCode.NOT_PROBED)
    fine = sum(
        1
        for seen in line.targets.values()
        if not seen.consecutive_misses and seen.srtt_s is not None
    )
    if line.full_size_misses >= UNANSWERED_TO_TELL and not full_size_passed(line):
        size = line.full_size_bytes
        return message(ReasonCode.ANSWERING, fine=fine, targets=len(line.targets), size=size)
    return message(ReasonCode.ANSWERING, fine=fine, targets=len(line.targets))
