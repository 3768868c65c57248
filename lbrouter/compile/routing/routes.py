"""Policy routing: a table for each uplink, one for the gateway itself, and the rules between.

The order of the rules is the design:

    10000 + n  what came by uplink n and has no mark is not routed: no ruleset has judged it
    10016      the VLANs, where a provider can put routes into `main`: see `vlan_routes`
    10017      what is connected (VLANs, an administrator's routes) but no default of `main`
    10018      a lane's own packets: table 7016, see `lane_lines`
    10030 + 2n packets marked n look up table 7000 + n, and stop there: unreachable
    10062 + n  sockets bound to uplink n's device leave by it (probes, `ping -I`)
    10090      the rest, which is the gateway's own traffic: table 7000

What is connected on an uplink stands in our tables, not in `main`: two uplinks may share a
subnet, and a client whose policy says "fiber" must not reach hosts beside lte by accident.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from lbrouter.compile.routing import lane_lines
from lbrouter.compile.routing.balance import gateway_uplink
from lbrouter.compile.routing.near_networks import own_way_networks
from lbrouter.compile.routing.uplink_addressing import (
    UplinkNexthop,
    configured_families,
    uplink_nexthop,
)
from lbrouter.compile.routing.venue_routes import inside_routes
from lbrouter.compile.routing.vlan_routes import vlan_routes, vlan_rules
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, IpNetwork, Route, Rule
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import (
    GATEWAY_TABLE,
    MAIN_TABLE,
    MARK_MASK,
    RULE_PRIORITY_CONNECTED,
    RULE_PRIORITY_DEVICE,
    RULE_PRIORITY_GATEWAY,
    RULE_PRIORITY_MARK,
    RULE_PRIORITY_UNMARKED,
    uplink_mark,
    uplink_table,
)

UNREACHABLE_METRIC = 2_000_000_000
"""Metric of the `unreachable` default that closes each uplink's table: behind anything real."""

DEFAULT_DESTINATIONS: dict[AddressFamily, IpNetwork] = {
    AddressFamily.V4: ip_network("0.0.0.0/0"),
    AddressFamily.V6: ip_network("::/0"),
}


def rules(config: Config, allocation: Allocation) -> frozenset[Rule]:
    """Every policy rule, for each family that the file speaks of."""
    return frozenset(
        rule
        for family in configured_families(config)
        for rule in _family_rules(config, allocation, family)
    ) | frozenset((*vlan_rules(config), *lane_lines.rules(config)))


def _family_rules(config: Config, allocation: Allocation, family: AddressFamily) -> Iterator[Rule]:
    yield Rule(
        family=family,
        priority=RULE_PRIORITY_CONNECTED,
        table=MAIN_TABLE,
        suppress_prefix_length=0,
        why="connected networks are reached directly, never by an uplink",
    )
    for name, uplink in config.uplinks.items():
        number = allocation.uplinks[name]
        yield Rule(
            family=family,
            priority=RULE_PRIORITY_UNMARKED + number,
            table=0,
            mask=MARK_MASK,
            in_interface=uplink.device,
            why=phrase("what comes by {name} is not routed where the ruleset is gone", name=name),
        )
        yield Rule(
            family=family,
            priority=RULE_PRIORITY_DEVICE + number,
            table=uplink_table(number),
            out_interface=uplink.device,
            why=phrase(
                "a socket bound to {device} leaves by {name}", device=uplink.device, name=name
            ),
        )
        mark, priority = uplink_mark(number), RULE_PRIORITY_MARK + 2 * number
        yield Rule(
            family=family,
            priority=priority,
            table=uplink_table(number),
            mark=mark,
            mask=MARK_MASK,
            why=phrase("flows that {name} carries", name=name),
        )
        yield Rule(
            family=family,
            priority=priority + 1,
            table=0,
            mark=mark,
            mask=MARK_MASK,
            why=phrase(
                "flows of {name} are refused, they never leave by another uplink", name=name
            ),
        )
    yield Rule(
        family=family,
        priority=RULE_PRIORITY_GATEWAY,
        table=GATEWAY_TABLE,
        why="the gateway's own traffic takes the best uplink",
    )


def routes(
    config: Config,
    *,
    allocation: Allocation,
    health: GatewayHealth,
    facts: Facts,
    created: frozenset[str] = frozenset(),
) -> frozenset[Route]:
    """Every route, for each family that the file speaks of; `created` are devices to come."""
    return frozenset(
        route
        for family in configured_families(config)
        for route in (
            *_uplink_tables(config, allocation, family, facts),
            *_gateway_table(config, allocation, health, family, facts),
        )
    ) | frozenset(
        (
            *vlan_routes(config, facts, created),
            *lane_lines.routes(config, facts),
            *inside_routes(config, facts),
        )
    )


def _uplink_tables(
    config: Config, allocation: Allocation, family: AddressFamily, facts: Facts
) -> Iterator[Route]:
    for name, uplink in config.uplinks.items():
        table = uplink_table(allocation.uplinks[name])
        way = uplink_nexthop(uplink, family, facts)
        if way is not None:
            if way.subnet_is_connected:
                yield _connected_route(table, uplink.device, way, name)
            yield _default_route(table, uplink.device, way, name)
            for further in _further_subnets(uplink, way):
                yield _connected_route(table, uplink.device, further, name)
        yield Route(
            table=table,
            destination=DEFAULT_DESTINATIONS[family],
            metric=UNREACHABLE_METRIC,
            why=phrase("without a way out by {name}, answer at once", name=name),
        )


def _gateway_table(
    config: Config,
    allocation: Allocation,
    health: GatewayHealth,
    family: AddressFamily,
    facts: Facts,
) -> Iterator[Route]:
    for name, uplink in config.uplinks.items():
        # Two uplinks may share a subnet: the metric keeps their routes apart.
        number = allocation.uplinks[name]
        for near in own_way_networks(config, uplink, family, health, facts):
            way = uplink_nexthop(uplink, family, facts)
            assert way is not None
            yield _connected_route(
                GATEWAY_TABLE, uplink.device, way, name, metric=number, network=near
            )
        way = uplink_nexthop(uplink, family, facts)
        for further in () if way is None else _further_subnets(uplink, way):
            yield _connected_route(GATEWAY_TABLE, uplink.device, further, name, metric=number)
    best = gateway_uplink(config, health, family, facts)
    if best is not None:
        way = uplink_nexthop(config.uplinks[best], family, facts)
        assert way is not None
        yield _default_route(
            GATEWAY_TABLE,
            config.uplinks[best].device,
            way,
            phrase("the gateway itself, {best}", best=best),
        )


def _further_subnets(uplink: Uplink, way: UplinkNexthop) -> Iterator[UplinkNexthop]:
    """The subnets of further addresses, each once; a single host's prefix has no neighbours."""
    networks = {way.address.network}
    for address in uplink.addresses:
        wide = address.network.prefixlen < address.max_prefixlen
        if address.version == way.address.version and wide and address.network not in networks:
            networks.add(address.network)
            yield replace(way, address=address)


def _connected_route(
    table: int,
    interface: str,
    nexthop: UplinkNexthop,
    name: str,
    *,
    metric: int = 0,
    network: IpNetwork | None = None,
) -> Route:
    return Route(
        table=table,
        destination=network or nexthop.address.network,
        interface=interface,
        source=nexthop.address.ip,
        metric=metric,
        mtu=nexthop.mtu,
        why=phrase("neighbours on {name}", name=name),
    )


def _default_route(table: int, interface: str, nexthop: UplinkNexthop, name: str) -> Route:
    return Route(
        table=table,
        destination=DEFAULT_DESTINATIONS[AddressFamily.of_version(nexthop.address.version)],
        interface=interface,
        gateway=nexthop.gateway,
        source=nexthop.address.ip,
        onlink=nexthop.onlink,
        mtu=nexthop.mtu,
        why=phrase("the way out by {name}", name=name),
    )
