"""A lane: which lines carry its copies, its largest packet, and the route that leads nowhere.

WireGuard's own packets are routed into a device that drops them (table 7016): no line's death takes
that route away. On the way there the ruleset copies each of them to every line that carries.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, ip_network
from typing import Final

from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    LinkAdminState,
    Route,
    Rule,
)
from lbrouter.model.lane import LANE_DEVICE_MTU
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import (
    LANE_LOCAL_ADDRESS,
    LANE_MARK_BASE,
    LANE_MARK_MASK,
    LANE_TABLE,
    RULE_PRIORITY_LANE,
    VOID_DEVICE,
    lane_mark,
    lane_port,
)
from lbrouter.model.wireguard_tunnel import WireguardTunnel

LANE_OVERHEAD_BYTES: Final = 80
"""What WireGuard adds to a packet over IPv4, rounded up to its padding: 20 + 8 + 32, and 20."""

KEEPALIVE_S: Final = 5
"""A packet at least this often: it keeps a provider's address translation open on every line."""

QUIET_BADNESS: Final = 100.0
"""From this badness on a line is silent for a moment (suspect); below it, it is lossy or fine."""

NEXTHOP_ALONE_BADNESS: Final = 1000.0
"""From this badness on the provider's router answers, and nothing beyond it."""

_WHY_VOID: Final = "a lane's own packets go here when they were copied: it leads nowhere"


def usable_lanes(config: Config, facts: Facts) -> tuple[Uplink, ...]:
    """The lanes that can be set up: with keys, and a relay whose address is known."""
    return tuple(lane for lane in config.lanes() if lane.name in facts.lanes)


def carrying_lines(
    config: Config, lane: Uplink, health: GatewayHealth, facts: Facts
) -> tuple[str, ...]:
    """The lines of `over` that get a copy of each packet now, in the order of the file.

    Each that answers; there is no hold-down, for a copy too many costs nothing. One that loses more
    than the lane's policies tolerate leaves, for the relay's answers may take it, but only beside
    another that loses nothing, and only while it loses: two lossy lines are better than one. One
    that is late stays: the first copy counts. Metered lines are spared while every other is well.
    Those of which the next hop alone answers carry only where no line does better.
    """
    reachable = [name for name in lane.over if _answers(config.uplinks[name], health, facts)]
    alive = [
        name
        for name in reachable
        if health.uplinks[name].of(AddressFamily.V4).badness < NEXTHOP_ALONE_BADNESS
    ] or reachable
    fit = [name for name in alive if not _is_too_lossy(config, lane, health, name, alive)]
    free = [name for name in lane.over if not config.uplinks[name].metered]
    if free and all(name in fit and _is_well(health, name) for name in free):
        return tuple(free)
    return tuple(fit)


def lane_policies(config: Config, lane: Uplink) -> frozenset[str]:
    """The policies that list the lane."""
    return frozenset(
        name for name, policy in config.policies.items() if lane.name in policy.uplinks
    )


def _answers(uplink: Uplink, health: GatewayHealth, facts: Facts) -> bool:
    known = health.uplinks[uplink.name]
    drained = known.drained or known.state is UplinkState.DRAINED
    return (
        uplink_nexthop(uplink, AddressFamily.V4, facts) is not None
        and known.of(AddressFamily.V4).alive
        and not drained
    )


def _is_too_lossy(
    config: Config, lane: Uplink, health: GatewayHealth, name: str, alive: Sequence[str]
) -> bool:
    """Whether a line loses too much now, beside one that loses nothing."""
    known = health.uplinks[name].of(AddressFamily.V4)
    if not (known.recent_loss and known.excluded_policies & lane_policies(config, lane)):
        return False
    others = (health.uplinks[other].of(AddressFamily.V4) for other in alive if other != name)
    return any(not other.recent_loss and other.badness < QUIET_BADNESS for other in others)


def _is_well(health: GatewayHealth, name: str) -> bool:
    known = health.uplinks[name].of(AddressFamily.V4)
    return known.state is UplinkState.UP and known.badness < QUIET_BADNESS


def lane_mtu(config: Config, lane: Uplink, facts: Facts) -> int:
    """The largest packet inside where that is less than the device's own; 0 else.

    That of the smallest line that has an address, less what WireGuard adds.
    """
    sizes = []
    for name in lane.over:
        uplink = config.uplinks[name]
        nexthop = uplink_nexthop(uplink, AddressFamily.V4, facts)
        if nexthop is not None:
            sizes.append(nexthop.mtu or facts.interfaces[uplink.device].mtu)
    room = min(sizes, default=0) - LANE_OVERHEAD_BYTES
    return room if 0 < room < LANE_DEVICE_MTU else 0


def devices(config: Config, facts: Facts) -> frozenset[Device]:
    """The WireGuard device of each lane, and the one that leads nowhere."""
    lanes = usable_lanes(config, facts)
    if not lanes:
        return frozenset()
    kind = DeviceKind.DUMMY if "dummy" in facts.features else DeviceKind.IFB
    void = Device(name=VOID_DEVICE, kind=kind, why=_WHY_VOID)
    tunnels = (
        Device(
            name=lane.device, kind=DeviceKind.WIREGUARD, why=phrase("lane {lane}", lane=lane.name)
        )
        for lane in lanes
    )
    return frozenset((void, *tunnels))


def links(config: Config, facts: Facts) -> frozenset[LinkAdminState]:
    """The device that leads nowhere is up; the lanes' own are named by the file."""
    if not usable_lanes(config, facts):
        return frozenset()
    return frozenset({LinkAdminState(interface=VOID_DEVICE, up=True, why=_WHY_VOID)})


def tunnels(
    config: Config, numbers: Mapping[str, int], health: GatewayHealth, facts: Facts
) -> frozenset[WireguardTunnel]:
    """What each lane's WireGuard is told; `numbers` as allocated, by name.

    A first handshake waits for a line: one that is lost is tried again only after five seconds.
    """
    return frozenset(
        _tunnel(lane, numbers[lane.name], facts)
        for lane in usable_lanes(config, facts)
        if facts.lanes[lane.name].connected or carrying_lines(config, lane, health, facts)
    )


def _tunnel(lane: Uplink, number: int, facts: Facts) -> WireguardTunnel:
    known = facts.lanes[lane.name]
    assert lane.relay is not None
    return WireguardTunnel(
        interface=lane.device,
        public_key=known.keys.public_key,
        private_key=known.keys.private_key,
        peer_key=known.keys.relay_key,
        peer_endpoint=f"{known.relay_address}:{lane.relay.port}",
        listen_port=lane_port(number),
        fwmark=lane_mark(number),
        keepalive_s=KEEPALIVE_S,
        why=phrase("lane {lane} over {over}", lane=lane.name, over=", ".join(lane.over)),
    )


def addresses(config: Config, facts: Facts) -> Iterator[Address]:
    """The address inside each lane, and the source of the packets that are to be copied."""
    lanes = usable_lanes(config, facts)
    for lane in lanes:
        yield Address(
            interface=lane.device,
            address=lane.inside_address,
            prefix_route=False,
            why=phrase("inside lane {lane}", lane=lane.name),
        )
    if lanes:
        yield Address(
            interface=VOID_DEVICE,
            address=IPv4Interface(LANE_LOCAL_ADDRESS),
            prefix_route=False,
            why="source of the lanes' own packets, until a copy gets the address of its line",
        )


def routes(config: Config, facts: Facts) -> frozenset[Route]:
    """The route that leads nowhere."""
    if not usable_lanes(config, facts):
        return frozenset()
    return frozenset(
        {
            Route(
                table=LANE_TABLE,
                destination=ip_network("0.0.0.0/0"),
                interface=VOID_DEVICE,
                source=LANE_LOCAL_ADDRESS,
                why=_WHY_VOID,
            )
        }
    )


def rules(config: Config) -> frozenset[Rule]:
    """WireGuard's own packets look up the route that leads nowhere, and nothing else does."""
    if not config.lanes():
        return frozenset()
    return frozenset(
        {
            Rule(
                family=AddressFamily.V4,
                priority=RULE_PRIORITY_LANE,
                table=LANE_TABLE,
                mark=LANE_MARK_BASE,
                mask=LANE_MARK_MASK,
                why="a lane's own packets: they are copied on the way to nowhere",
            )
        }
    )


def line_source(config: Config, name: str, facts: Facts) -> tuple[IPv4Address, IPv4Address | None]:
    """The address of a line for the copies that leave by it, and its next hop (None: no need)."""
    way = uplink_nexthop(config.uplinks[name], AddressFamily.V4, facts)
    assert way is not None
    gateway = way.gateway
    return IPv4Address(way.address.ip), None if gateway is None else IPv4Address(gateway)
