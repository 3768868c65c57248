"""Of which VLANs living flows lose their uplink while they have another one to go to.

The ruleset judges flow by flow (`flow_moves`). This says of which VLANs there are such flows at
all: their clients are told, see `kernel.idle_clients`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from lbrouter.compile.firewall.flow_moves import moved_uplinks
from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFlows:
    """Flows of these VLANs, of one family, that an uplink has lost."""

    uplink: str
    family: AddressFamily
    vlans: frozenset[str]


def newly_moved_flows(
    config: Config, before: GatewayHealth, after: GatewayHealth, facts: Facts
) -> tuple[MovedFlows, ...]:
    """What moves with the health `after`, and did not move with `before`."""
    old = set(_moved_vlans(config, before, facts))
    new = [move for move in _moved_vlans(config, after, facts) if move not in old]
    return tuple(
        MovedFlows(
            uplink=uplink,
            family=family,
            vlans=frozenset(vlan for *line, vlan in new if line == [uplink, family]),
        )
        for uplink, family in dict.fromkeys((uplink, family) for uplink, family, _ in new)
    )


def has_unfit_uplink(health: GatewayHealth) -> bool:
    """Whether any uplink is such that living flows may leave it."""
    calm = (UplinkState.UP, UplinkState.DRAINED)
    return any(
        uplink.move_flows or uplink.of(family).state not in calm
        for uplink, family in product(health.uplinks.values(), AddressFamily)
    )


def _moved_vlans(
    config: Config, health: GatewayHealth, facts: Facts
) -> Iterator[tuple[str, AddressFamily, str]]:
    """Uplink, family and VLAN of all flows that move; nothing for a health of other uplinks."""
    if not config.uplinks.keys() <= health.uplinks.keys():
        return
    for policy, family in product(config.policies.values(), AddressFamily):
        shares = select_uplinks(config, policy, health, family, facts)
        vlans = [vlan for vlan in config.vlans if policy.name in _policies_of(config, vlan)]
        moved = moved_uplinks(config, policy, family, health, facts, shares=shares)
        yield from ((uplink, family, vlan) for uplink in sorted(moved) for vlan in vlans)


def _policies_of(config: Config, vlan: str) -> set[str]:
    """The policies that flows of a VLAN can have."""
    by_rule = {rule.policy for rule in config.rules if not rule.from_ or vlan in rule.from_}
    return {config.vlans[vlan].policy, *by_rule}
