"""Which established flows move to another line: those whose own policy has a better one, by family.

A flow of a VLAN is decided again, by its own rules and policy, while its line stands in the map
`vlan_mark_verdict` with `move_flows_N`. What its policy still takes is in the set `kept_POLICY`.
"""

from collections.abc import Iterable, Mapping, Sequence

from lbrouter.compile.routing.balance import UplinkShare, gateway_uplink
from lbrouter.compile.routing.usability import LineGrade, is_dead, line_grade
from lbrouter.model.config import Config, LivingFlows, Policy
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.reserved_ids import uplink_mark

PolicyShares = Mapping[tuple[str, AddressFamily], Sequence[UplinkShare]]
"""The uplinks of new flows, by policy and family."""

UplinksByFamily = Mapping[AddressFamily, frozenset[str]]


def elements(
    config: Config,
    *,
    allocation: Allocation,
    health: GatewayHealth,
    facts: Facts,
    shares: PolicyShares,
) -> dict[str, NftElements]:
    """What becomes of flows that have an uplink, by the name of the set or map."""
    moved = {
        (policy.name, family): moved_uplinks(
            config, policy, family, health, facts, shares=shares[policy.name, family]
        )
        for policy in config.policies.values()
        for family in AddressFamily
    }
    left = {
        family: frozenset().union(*(moved[name, family] for name in config.policies))
        for family in AddressFamily
    }
    own = {family: _own_moved_uplinks(config, family, health, facts) for family in AddressFamily}
    by_name = {
        "vlan_mark_verdict": _verdicts(config, allocation, left, "move_flows"),
        "own_mark_verdict": _verdicts(config, allocation, own, "forget_mark"),
    }
    for name in config.policies:
        by_name[f"kept_{name}"] = frozenset(
            (_mark_key(allocation, family, uplink), "")
            for family in AddressFamily
            for uplink in config.uplinks
            if uplink not in moved[name, family]
        )
    return by_name


def moved_uplinks(
    config: Config,
    policy: Policy,
    family: AddressFamily,
    health: GatewayHealth,
    facts: Facts,
    *,
    shares: Sequence[UplinkShare],
) -> frozenset[str]:
    """Uplinks whose living flows of `policy` move to one of `shares`; none without a better one."""
    chosen = [share.uplink for share in shares]
    goal = _worst_grade(config, chosen, family, health, facts, policy=policy.name)
    if goal <= LineGrade.NEXTHOP_ANSWERS:
        return frozenset()
    return frozenset(
        name
        for name in config.uplinks
        if name not in chosen
        and (
            (goal is LineGrade.FIT and _is_abandoned(name, policy, family, health))
            or is_dead(config, name, family, health, facts)
        )
        and line_grade(config, name, family, health, facts, policy=policy.name) < goal
    )


def _worst_grade(
    config: Config,
    names: Iterable[str],
    family: AddressFamily,
    health: GatewayHealth,
    facts: Facts,
    *,
    policy: str | None,
) -> LineGrade:
    grades = (line_grade(config, name, family, health, facts, policy=policy) for name in names)
    return min(grades, default=LineGrade.UNUSABLE)


def _is_abandoned(name: str, policy: Policy, family: AddressFamily, health: GatewayHealth) -> bool:
    """Whether a living line has to give its flows away: by command, or by `living = "move"`."""
    line = health.uplinks[name]
    own = line.of(family)
    return line.move_flows or (
        policy.living is LivingFlows.MOVE
        and own.state is UplinkState.DEGRADED
        and policy.name in own.excluded_policies
        and own.reason_code != ReasonCode.SUSPECT
    )


def _own_moved_uplinks(
    config: Config, family: AddressFamily, health: GatewayHealth, facts: Facts
) -> frozenset[str]:
    """Uplinks that the gateway's own flows and containers' leave, without a reset."""
    best = gateway_uplink(config, health, family, facts)
    chosen = [] if best is None else [best]
    goal = _worst_grade(config, chosen, family, health, facts, policy=None)
    if goal <= LineGrade.NEXTHOP_ANSWERS:
        return frozenset()
    return frozenset(
        name
        for name in config.uplinks
        if name not in chosen
        and (health.uplinks[name].move_flows or is_dead(config, name, family, health, facts))
        and line_grade(config, name, family, health, facts) < goal
    )


def _verdicts(
    config: Config, allocation: Allocation, left: UplinksByFamily, chain: str
) -> NftElements:
    """Marks of each family, with `restore_mark_N`, or `chain` for the uplinks in `left`."""
    return frozenset(
        (
            _mark_key(allocation, family, name),
            f"jump {chain}_{number}" if name in left[family] else f"goto restore_mark_{number}",
        )
        for family in AddressFamily
        for name in config.uplinks
        for number in (allocation.uplinks[name],)
    )


def _mark_key(allocation: Allocation, family: AddressFamily, uplink: str) -> str:
    return f"ipv{family.version} . {uplink_mark(allocation.uplinks[uplink])}"
