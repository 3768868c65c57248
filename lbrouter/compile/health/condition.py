"""The condition of an uplink at a moment, and the state that follows."""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.silence import update_silence
from lbrouter.compile.health.statistics.damping import (
    LAST_RESORT_HOLD_DOWN_S,
    add_fault,
    freeze_decay,
    hold_down_s,
)
from lbrouter.compile.health.tolerance import update_tolerance
from lbrouter.compile.health.transitions import TRANSITIONS, UplinkCondition
from lbrouter.compile.health.uplink_memory import TargetStats, UplinkMemory
from lbrouter.model.health import UplinkState

PORTAL_MIN_PAGES: Final = 2
"""Pages in a row that are not the target's own, before the target counts as behind a portal."""

NEXTHOP_MEMORY_S: Final = 3.0
"""How long the next hop counts as alive after it was seen to answer."""

LATE_HOLD_DOWN_S: Final = 1.0
"""Instead of `up_after` where the answers came late: the round trip made a step, no line died."""

IN_USE_STATES: Final = (UplinkState.UP, UplinkState.DEGRADED)


def evaluate_uplink(line: UplinkMemory, at: float, *, is_last_resort: bool) -> UplinkMemory:
    """The memory of the uplink, evaluated at the time `at`.

    `is_last_resort`: some policy has no other usable uplink, so this one returns at once.
    """
    line = update_tolerance(update_silence(line, at), at)
    if has_fault(line):
        line = replace(line, last_fault_at=at)
    if line.state not in IN_USE_STATES:
        line = replace(line, flap_penalty=freeze_decay(line.flap_penalty, at))
    after = TRANSITIONS[line.state, condition_of(line, at, is_last_resort=is_last_resort)]
    if after is line.state:
        return line
    # The uplink in its new state. A fault that ends its use counts as a flap.
    fell = line.state in IN_USE_STATES and after in (UplinkState.DOWN, UplinkState.WAITING)
    flaps = add_fault(line.flap_penalty, at) if fell else line.flap_penalty
    late = line.was_late and after not in IN_USE_STATES
    return replace(line, state=after, since=at, flap_penalty=flaps, was_late=late)


def has_fault(line: UplinkMemory) -> bool:
    """Whether a fault stands: the time without fault cannot begin."""
    return line.suspect or not is_alive(line)


def is_alive(line: UplinkMemory) -> bool:
    """Carrier, address, and an answer of a target since the last fault."""
    return line.carrier and line.addressed and line.responding


def may_carry(line: UplinkMemory, at: float) -> bool:
    """Whether it may carry something where nothing is fit: not dead for all that is known.

    It answers, or is not judged yet, or its next hop answers (the modem lives, the way beyond it
    may for some).
    """
    if not (line.present and line.carrier and line.addressed):
        return False
    return line.responding or not line.judged or at < line.nexthop_seen_at + NEXTHOP_MEMORY_S


def condition_of(line: UplinkMemory, at: float, *, is_last_resort: bool) -> UplinkCondition:
    """The strongest condition that applies."""
    standing = standing_condition(line)
    if standing is not None:
        return standing
    unfit = (
        is_suspect(line, at)
        or captive_portal_target(line) is not None
        or line.is_black_hole
        or bool(exceeded_policies(line))
    )
    if at >= line.last_fault_at + recovery_delay_s(line, at, is_last_resort=is_last_resort):
        return UplinkCondition.UNFIT if unfit else UplinkCondition.FIT
    return UplinkCondition.UNPROVEN_UNFIT if unfit else UplinkCondition.UNPROVEN


def standing_condition(line: UplinkMemory) -> UplinkCondition | None:
    """The condition that needs no clock, if any. A drained line that dies is down as any."""
    standing = (
        (UplinkCondition.NO_INTERFACE, not line.present),
        (UplinkCondition.NO_CARRIER, not line.carrier),
        (UplinkCondition.NO_ADDRESS, not line.addressed),
        (UplinkCondition.SILENT, line.judged and not line.responding),
        (UplinkCondition.DRAINED, line.drained),
        (UplinkCondition.UNJUDGED, not line.judged),
    )
    return next((condition for condition, holds in standing if holds), None)


def recovery_delay_s(line: UplinkMemory, at: float, *, is_last_resort: bool) -> float:
    """How long the line must be without fault before new flows return."""
    base_s = LATE_HOLD_DOWN_S if line.was_late else line.settings.up_after_s
    needed = hold_down_s(min(base_s, line.settings.up_after_s), line.flap_penalty, at)
    return min(needed, LAST_RESORT_HOLD_DOWN_S) if is_last_resort else needed


def is_suspect(line: UplinkMemory, at: float) -> bool:
    """Whether new flows should avoid the uplink: silent now, or a moment ago."""
    return line.suspect or at < line.suspect_until


def exceeded_policies(line: UplinkMemory) -> frozenset[str]:
    """Policies whose own tolerance the line exceeds."""
    limits = zip(line.settings.limits, line.policy_tolerance, strict=True)
    return frozenset(each.policy for each, tolerance in limits if tolerance.exceeded is not None)


def captive_portal_target(line: UplinkMemory) -> str | None:
    """The target whose page a captive portal replaces; None if another one shows its own page."""
    caught = [t for t, seen in line.targets.items() if seen.portal_pages >= PORTAL_MIN_PAGES]
    if not caught or any(_shows_own_page(t, seen) for t, seen in line.targets.items()):
        return None
    return caught[0]


def _shows_own_page(target: str, seen: TargetStats) -> bool:
    """Whether a target shows a page, and its own."""
    return (
        target.startswith("http")
        and seen.srtt_s is not None
        and not (seen.portal_pages or seen.consecutive_misses)
    )
