"""Whose living flows lose their uplink while they have another one to go to.

The ruleset judges flow by flow. This says of which VLANs there are such flows at all: their clients
are told, see `kernel.idle_clients`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily

DEAD_STATES: Final = frozenset({UplinkState.DOWN, UplinkState.WAITING})


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
    new = [each for each in _moved_vlans(config, after, facts) if each not in old]
    return tuple(
        MovedFlows(
            uplink=uplink,
            family=family,
            vlans=frozenset(vlan for *line, vlan in new if line == [uplink, family]),
        )
        for uplink, family in dict.fromkeys((uplink, family) for uplink, family, _ in new)
    )


def has_left_uplink(health: GatewayHealth) -> bool:
    """Whether living flows leave any uplink."""
    return any(_is_left(health, *each) for each in product(health.uplinks, AddressFamily))


def _moved_vlans(
    config: Config, health: GatewayHealth, facts: Facts
) -> Iterator[tuple[str, AddressFamily, str]]:
    """Uplink, family and VLAN of all flows that move."""
    policies = {name: _policies_of(config, name) for name in config.vlans}
    for uplink, family in product(config.uplinks, AddressFamily):
        if not _is_left(health, uplink, family):
            continue
        elsewhere = {
            name
            for name, policy in config.policies.items()
            if any(
                s.uplink != uplink for s in select_uplinks(config, policy, health, family, facts)
            )
        }
        for vlan, possible in policies.items():
            if possible & elsewhere:
                yield uplink, family, vlan


def _is_left(health: GatewayHealth, uplink: str, family: AddressFamily) -> bool:
    """Whether living flows of `family` leave the uplink: it is dead, or drained with `--now`."""
    found = health.uplinks.get(uplink)
    return found is not None and (found.move_flows or found.of(family).state in DEAD_STATES)


def _policies_of(config: Config, vlan: str) -> set[str]:
    """The policies that flows of a VLAN can have."""
    by_rule = {rule.policy for rule in config.rules if not rule.from_ or vlan in rule.from_}
    return {config.vlans[vlan].policy, *by_rule}
