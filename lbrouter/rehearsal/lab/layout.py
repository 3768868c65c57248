"""The floor plan of a venue: which hosts stand where, with which addresses. Pure.

Everything follows from the configuration; what a lab cannot have (a DHCP server at the provider, a
kernel without 802.1Q) is replaced by what comes closest, in `lbrouter.rehearsal.adapt_config`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_interface,
)
from itertools import islice

from lbrouter.model.addresses import Addressing
from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import UnavailableError
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.rehearsal.adapt_config import Adapted, gateways_of, networks_of, overlap

POOLS4 = tuple(IPv4Network(f"{first}.76.0.0/16") for first in (45, 46, 47, 51, 52))
POOLS6 = tuple(IPv6Network(f"2a{second:02x}:4c::/32") for second in (9, 10, 11, 12, 13))
"""Where the lab's own internet is numbered, unless the file uses it: plain global unicast, since
a firewall may refuse reserved ranges from an uplink. They exist in the lab's namespaces alone."""

TALK_PORT = 7777
"""TCP and UDP port on which every server of the lab answers."""

SERVERS = (IPv4Address("1.1.1.1"), IPv6Address("2606:4700:4700::1111"))
"""The internet's server that clients talk to; health targets and such are more of its addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the simulated venue is built, beyond what the file says.

    `seats` hosts in each VLAN with `addresses` addresses each (one host can play many clients);
    `delay_ms` one way, by uplink; `nat` names the uplinks whose provider translates addresses, in
    addition to those whose subnet is not unique. `leases` names `dhcp` uplinks whose provider runs
    a real DHCP server; the others become static.
    """

    seats: int = 1
    addresses: int = 1
    delay_ms: tuple[tuple[str, int], ...] = ()
    nat: frozenset[str] = frozenset()
    leases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One address family of an uplink: the gateway's side, the provider's, the internet's.

    `address` is the gateway's on the uplink, `gateway` the provider's there; `public` is the
    provider's on its link to the internet, `peer` the internet's. With `nat` the provider stands
    `public` in for `address`, both ways.
    """

    address: IpInterface
    gateway: IpAddress
    public: IpInterface
    peer: IpAddress
    nat: bool

    @property
    def outside(self) -> IpAddress:
        """The address under which the internet sees, and reaches, this uplink."""
        return self.public.ip if self.nat else self.address.ip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An uplink and its provider. Rates in bits per second, None = not limited.

    `delay_ms` is one way, each way; `leased` says that the provider has a DHCP server.
    """

    name: str
    number: int
    interface: str
    legs: tuple[Leg, ...]
    upload: int | None
    download: int | None
    delay_ms: int
    external: bool
    leased: bool = False

    def leg(self, version: int) -> Leg | None:
        """The leg of address family 4 or 6."""
        return next((leg for leg in self.legs if leg.address.version == version), None)

    @property
    def leg4(self) -> Leg:
        """The leg of IPv4 of a line that has one. Raises StopIteration where it has none."""
        return next(leg for leg in self.legs if leg.address.version == 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A client host: its namespace's role, and its addresses, each family's first one first."""

    name: str
    addresses: tuple[IpInterface, ...]

    def of(self, version: int) -> tuple[IpAddress, ...]:
        """Its addresses of family 4 or 6."""
        return tuple(each.ip for each in self.addresses if each.version == version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A VLAN: the gateway's port (or the trunk and a tag), its addresses, who sits there."""

    name: str
    number: int
    port: str
    tag: int | None
    gateways: tuple[IpInterface, ...]
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The whole venue. `servers` are the addresses that the internet answers on, `dhcp` the uplinks
    that the file wants leased.
    """

    config: Config
    lines: tuple[Line, ...]
    segments: tuple[Segment, ...]
    servers: tuple[IpAddress, ...]
    server_ports: tuple[int, ...]
    notes: tuple[str, ...]
    dhcp: frozenset[str] = frozenset()

    def line(self, uplink: str) -> Line:
        """The line of an uplink."""
        return next(line for line in self.lines if line.name == uplink)


def plan_site(adapted: Adapted, *, style: Style) -> Site:
    """The venue for an adapted configuration."""
    config = adapted.config
    asked = (*_targets(config), *_rule_doors(config))
    servers = dict.fromkeys([*SERVERS, *(address for address, _ in asked)])
    taken = [a.network for pairs in adapted.pairs.values() for a, _ in pairs]
    taken += networks_of(config)
    ports = dict.fromkeys([TALK_PORT, 53, 80, 443, *(port for _, port in asked if port)])
    return Site(
        config=config,
        lines=tuple(_lines(adapted, style, frozenset(servers))),
        segments=tuple(_segments(config, style)),
        servers=tuple(each for each in servers if not any(each in net for net in taken)),
        server_ports=tuple(ports),
        notes=adapted.notes,
        dhcp=adapted.dhcp,
    )


def _targets(config: Config) -> Iterator[tuple[IpAddress, int]]:
    """Addresses and ports (0 = none) that the file probes or asks: the internet must have them."""
    for server in config.gateway.dns:
        yield server, 53
    healths = (config.health_of(uplink) for uplink in config.uplinks.values())
    for target in (target for health in healths for target in health.targets):
        if target.address is not None:  # the lab's internet cannot resolve a name
            yield target.address, target.port


def _rule_doors(config: Config) -> Iterator[tuple[IpAddress, int]]:
    """Where the rules send flows: an address in each destination, and the first of the ports."""
    for rule in config.rules:
        port = next(iter(rule.ports), 0)
        yield SERVERS[0], port
        for network in rule.to:
            if not any(server in network for server in SERVERS):
                yield network[min(1, network.num_addresses - 1)], port


def _lines(adapted: Adapted, style: Style, avoid: frozenset[IpAddress]) -> Iterator[Line]:
    delays = dict(style.delay_ms)
    pools: dict[int, IpNetwork] = {
        4: free_pool(POOLS4, adapted, avoid),
        6: free_pool(POOLS6, adapted, avoid),
    }
    for number, uplink in enumerate(adapted.config.uplinks.values(), 1):
        yield Line(
            name=uplink.name,
            number=number,
            interface=uplink.interface,
            legs=tuple(_legs(adapted, uplink.name, number, pools, style)),
            upload=None if uplink.upload is None else int(uplink.upload),
            download=None if uplink.download is None else int(uplink.download),
            delay_ms=delays.get(uplink.name, 0),
            external=uplink.addressing is Addressing.EXTERNAL,
            leased=uplink.addressing is Addressing.DHCP,
        )


def _legs(
    adapted: Adapted, name: str, number: int, pools: Mapping[int, IpNetwork], style: Style
) -> Iterator[Leg]:
    for address, gateway in adapted.pairs[name]:
        others = (
            a.network for each, pairs in adapted.pairs.items() if each != name for a, _ in pairs
        )
        shared = any(overlap(address.network, other) for other in others)
        public, peer = _transit(pools[address.version], number)
        leased = address.version == 4 and name in adapted.dhcp  # its address may change
        nat = shared or leased or name in style.nat
        yield Leg(address=address, gateway=gateway, public=public, peer=peer, nat=nat)


def _transit(pool: IpNetwork, number: int) -> tuple[IpInterface, IpAddress]:
    """Provider's interface and internet's address on the link between them."""
    prefix = 30 if pool.version == 4 else 64
    start = int(pool.network_address) + (number << (pool.max_prefixlen - prefix))
    network = type(pool)((start, prefix))
    return ip_interface(f"{network[2]}/{prefix}"), network[1]


def free_pool(
    pools: Sequence[IpNetwork], adapted: Adapted, avoid: frozenset[IpAddress]
) -> IpNetwork:
    """The first pool that nothing in the file overlaps. Raises UnavailableError without one."""
    used = networks_of(adapted.config)
    for pool in pools:
        clash = any(overlap(pool, network) for network in used)
        if not clash and not any(host in pool for host in avoid):
            return pool
    raise UnavailableError("the file uses every range that the lab numbers its internet with")


def _segments(config: Config, style: Style) -> Iterator[Segment]:
    trunk = config.lan.trunk if config.lan else ""
    for number, vlan in enumerate(config.vlans.values(), 1):
        yield Segment(
            name=vlan.name,
            number=number,
            port=vlan.port or trunk,
            tag=vlan.id if vlan.port is None else None,
            gateways=gateways_of(vlan),
            seats=tuple(_seats(config, vlan, style)),
        )


def _seats(config: Config, vlan: Vlan, style: Style) -> Iterator[Seat]:
    """Client hosts; a forward's target inside the VLAN is the first address of one of them."""
    served = dict.fromkeys(
        each.to.address
        for each in config.forwards
        if any(each.to.address in g.network for g in gateways_of(vlan))
    )
    pools = [_hosts(each, served) for each in gateways_of(vlan)]
    for number in range(max(style.seats, len(served))):
        chosen = [*list(served)[number : number + 1]]
        addresses: list[IpInterface] = []
        for gateway, pool in zip(gateways_of(vlan), pools, strict=True):
            fixed = [ip for ip in chosen if ip in gateway.network]
            free = islice(pool, style.addresses - len(fixed))
            addresses += [_within(gateway, ip) for ip in (*fixed, *free)]
        yield Seat(name=f"{vlan.name}-{number + 1}", addresses=tuple(addresses))


def _within(gateway: IpInterface, address: IpAddress) -> IpInterface:
    return ip_interface(f"{address}/{gateway.network.prefixlen}")


def _hosts(gateway: IpInterface, served: Iterable[IpAddress]) -> Iterator[IpAddress]:
    """Free host addresses of the gateway's subnet, from its upper end down (IPv6: from ::1000)."""
    network = gateway.network
    avoid = {gateway.ip, *served}
    last = network.num_addresses - 2
    places = range(last, 0, -1) if network.version == 4 else range(min(0x1000, last), last + 1)
    candidates = (network[place] for place in places)
    return (each for each in candidates if each not in avoid)
