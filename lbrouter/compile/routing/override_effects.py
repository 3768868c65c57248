"""What a drain or a pin would do to the policies: the questions before it is done."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.compile.routing.client_families import policy_families, policy_vlans
from lbrouter.compile.routing.usability import Usability, is_drained, usability
from lbrouter.model.config import Config, Policy
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class StrandedPolicy:
    """A policy that would lose its last fit uplink, the VLANs that use it, and what is left."""

    policy: str
    vlans: tuple[str, ...]
    fallback: str | None
    """The uplink that would carry its flows though it is not fit; None: they would be refused."""


def stranded_policies(
    config: Config, uplink: str, health: GatewayHealth, facts: Facts
) -> tuple[StrandedPolicy, ...]:
    """Policies in use for which `uplink` is the last usable one; none if it is drained already."""
    line = health.uplinks[uplink]
    if is_drained(line):
        return ()
    after = replace(health, uplinks={**health.uplinks, uplink: replace(line, drained=True)})
    return tuple(
        StrandedPolicy(
            policy=name,
            vlans=vlans,
            fallback=next(_carrying(config, policy, after, facts), None),
        )
        for name, policy in config.policies.items()
        if uplink in policy.uplinks
        and (vlans := policy_vlans(config, name))
        and policy_usability(config, policy, after, facts)
        < policy_usability(config, policy, health, facts)
    )


def policy_usability(
    config: Config, policy: Policy, health: GatewayHealth, facts: Facts
) -> Usability:
    """The usability of the best uplink of `policy`, in the family that has the better one."""
    return max(
        (uplink_usability(config, name, policy.name, health, facts) for name in policy.uplinks),
        default=Usability.UNUSABLE,
    )


def uplink_usability(
    config: Config, uplink: str, policy: str, health: GatewayHealth, facts: Facts
) -> Usability:
    """The usability of `uplink` for `policy`, in the better one of its families."""
    return max(
        usability(config, uplink, family, health, facts, policy=policy)
        for family in policy_families(config, policy)
    )


def _carrying(config: Config, policy: Policy, health: GatewayHealth, facts: Facts) -> Iterator[str]:
    """The uplinks that carry new flows of `policy`, in either family."""
    for family in policy_families(config, policy.name):
        for share in select_uplinks(config, policy, health, family, facts):
            yield share.uplink
