"""The shares of a policy's uplinks in its new flows: what is asked for, and what was seen."""

from collections.abc import Mapping
from typing import Final

from lbrouter.compile.routing.balance import apportion, select_uplinks
from lbrouter.compile.routing.client_families import policy_families
from lbrouter.model.config import Config, Policy
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth

MIN_COUNTED_FLOWS: Final = 20
"""Fewer new flows than this say nothing of the shares."""


def policy_weights(
    config: Config, policy: Policy, health: GatewayHealth, facts: Facts
) -> dict[str, int]:
    """The uplinks that carry new flows of `policy`, with their weights.

    Those of IPv4, or of IPv6 where no uplink carries the IPv4 of its clients.
    """
    for family in policy_families(config, policy.name):
        shares = select_uplinks(config, policy, health, family, facts)
        if shares:
            return {share.uplink: share.weight for share in shares}
    return {}


def percentages(weights: Mapping[str, int]) -> dict[str, int]:
    """Weights as whole percent that add up to 100 (largest remainder); empty without weights."""
    if not weights:
        return {}
    return dict(zip(weights, apportion(list(weights.values()), 100), strict=True))


def observed_shares(flows: Mapping[int, int], numbers: Mapping[str, int]) -> dict[str, int]:
    """The shares of the uplinks in `numbers` (name to number) in `flows` (by number), in percent.

    Empty where too few flows were seen.
    """
    counts = {name: flows.get(number, 0) for name, number in numbers.items()}
    return percentages(counts) if sum(counts.values()) >= MIN_COUNTED_FLOWS else {}
