"""The health of a line, for those who decide by it: of each family, and of the uplink.

An uplink's own state is the better one of its families. A family of which no target has ever
answered by any line cannot be judged: it follows the other one, and says so.
"""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.condition import (
    captive_portal_target,
    exceeded_policies,
    is_suspect,
    may_carry,
)
from lbrouter.compile.health.measures import recent_loss_percent
from lbrouter.compile.health.reasons import reason_of
from lbrouter.compile.health.state import (
    STATE_ORDER,
    HealthState,
    LineKey,
    is_last_resort,
    is_usable,
)
from lbrouter.compile.health.uplink_memory import UplinkMemory
from lbrouter.model.config import Addressing
from lbrouter.model.health import FamilyHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ReasonCode, TextCode
from lbrouter.model.messages.message import joined, message

SUSPECT_BADNESS: Final = 100.0
"""A silent uplink is worse than one that loses every packet but the last."""
NEXTHOP_ONLY_BADNESS: Final = 1000.0
"""A line of which only the next hop answers is worse than any of which a target does."""

FAMILY_NAMES: Final = {AddressFamily.V4: "IPv4", AddressFamily.V6: "IPv6"}
WORTH_TELLING: Final = frozenset({UplinkState.DOWN, UplinkState.DEGRADED})
"""States of the worse family that the uplink's own reason mentions."""


def uplink_health(state: HealthState, name: str) -> UplinkHealth:
    """One uplink and its families, as of now."""
    families = {
        family: _family_health(state, (name, family))
        for family, line in state.families_of(name)
        if not _is_unused(state, name, line)
    }
    judged = {
        family: each
        for family, each in families.items()
        if each.why.code is not ReasonCode.FOLLOWS_OTHER_FAMILY
    } or families
    best = min(judged, key=lambda family: STATE_ORDER.index(judged[family].state))
    own, line = judged[best], state.lines[name, best]
    others = [
        message(TextCode.FAMILY, family=FAMILY_NAMES[family], reason=each.why)
        for family, each in judged.items()
        if each.state is not own.state and each.state in WORTH_TELLING
    ]
    return UplinkHealth(
        state=own.state,
        why=joined([own.why, *others]),
        excluded_policies=own.excluded_policies,
        alive=any(each.alive for each in families.values()),
        badness=min(each.badness for each in families.values()),
        recent_loss=min(each.recent_loss for each in families.values()),
        carrier=line.present and line.carrier,
        drained=line.drained,
        move_flows=line.move_flows,
        families=families,
    )


def _is_unused(state: HealthState, name: str, line: UplinkMemory) -> bool:
    """Whether the system has configured no such family on an external line, or not yet."""
    external = state.config.uplinks[name].addressing is Addressing.EXTERNAL
    both_lack = not any(each.addressed for _, each in state.families_of(name))
    six = line.settings.family is AddressFamily.V6
    return external and not line.addressed and (six or not both_lack)


def _family_health(state: HealthState, key: LineKey) -> FamilyHealth:
    line = state.lines[key]
    judging = state.judging_line(key)
    if judging is line:
        return _own_health(state, key, line)
    other = judging.settings.family
    found = _own_health(state, (key[0], other), judging)
    why = message(
        ReasonCode.FOLLOWS_OTHER_FAMILY,
        family=FAMILY_NAMES[key[1]],
        other=FAMILY_NAMES[other],
        reason=found.why,
    )
    return replace(found, why=why)


def _own_health(state: HealthState, key: LineKey, line: UplinkMemory) -> FamilyHealth:
    degraded = line.state is UplinkState.DEGRADED
    return FamilyHealth(
        state=line.state,
        why=reason_of(line, state.at, is_last_resort=is_last_resort(state, key)),
        excluded_policies=_avoiding_policies(state, key) if degraded else frozenset(),
        alive=may_carry(line, state.at),
        badness=line.badness + _extra_badness(line, state.at),
        recent_loss=recent_loss_percent(line, state.at),
    )


def _extra_badness(line: UplinkMemory, at: float) -> float:
    if line.judged and not line.responding:
        return NEXTHOP_ONLY_BADNESS
    return SUSPECT_BADNESS if is_suspect(line, at) else 0.0


def _avoiding_policies(state: HealthState, key: LineKey) -> frozenset[str]:
    """Policies that avoid a degraded line: a suspect one, or a black hole, if another is fit."""
    line = state.lines[key]
    own = frozenset(line.settings.policies)
    if captive_portal_target(line) is not None:
        return own
    if not (is_suspect(line, state.at) or line.is_black_hole):
        return exceeded_policies(line)
    return exceeded_policies(line) | {
        policy for policy in own if _has_other_fit_line(state, key, policy)
    }


def _has_other_fit_line(state: HealthState, key: LineKey, policy: str) -> bool:
    name, family = key
    return any(
        is_usable(state, (other, each), policy) and _is_unimpaired(state, (other, each))
        for other, each in state.lines
        if each is family and other != name
    )


def _is_unimpaired(state: HealthState, key: LineKey) -> bool:
    line = state.judging_line(key)
    return not (
        is_suspect(line, state.at) or captive_portal_target(line) is not None or line.is_black_hole
    )
