"""The layout of a venue: its hosts, their links and their addresses. Pure.

Everything follows from the configuration; what a lab cannot have (a DHCP server at the provider, a
kernel without 802.1Q) is replaced by the nearest possible, in `lbrouter.rehearsal.adapt_config`.
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

from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import UnavailableError
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.sections.addresses import Addressing
from lbrouter.rehearsal.adapt_config import (
    AdaptedConfig,
    configured_networks,
    gateway_addresses,
    networks_overlap,
)
from lbrouter.rehearsal.lab.relay_layout import RelayLayout, plan_relays

INTERNET_POOLS4 = tuple(IPv4Network(f"{first}.76.0.0/16") for first in (45, 46, 47, 51, 52))
INTERNET_POOLS6 = tuple(IPv6Network(f"2a{second:02x}:4c::/32") for second in (9, 10, 11, 12, 13))
"""Where the lab's own internet is numbered, unless the file uses it: plain global unicast, since
a firewall may refuse reserved ranges from an uplink. They exist in the lab's namespaces alone."""

ECHO_SERVER_PORT = 7777
"""TCP and UDP port on which every server of the lab answers."""

INTERNET_SERVERS = (IPv4Address("1.1.1.1"), IPv6Address("2606:4700:4700::1111"))
"""The internet's server that clients talk to; health targets and such are more of its addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOptions:
    """How the simulated venue is built, beyond what the file says.

    One client host can have many addresses, and so act as many clients; `delay_ms` is one way, by
    uplink; `nat_uplinks` are those whose provider translates addresses, in addition to those whose
    subnet is not unique. `dhcp_server_uplinks` are `dhcp` uplinks whose provider runs a real DHCP
    server; the others become static.
    """

    clients_per_vlan: int = 1
    addresses_per_client: int = 1
    delay_ms: tuple[tuple[str, int], ...] = ()
    nat_uplinks: frozenset[str] = frozenset()
    dhcp_server_uplinks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAddressing:
    """One address family of an uplink: the gateway's side, the provider's, the internet's.

    `address` is the gateway's on the uplink, `gateway` the provider's there; `public` is the
    provider's on its link to the internet, `peer` the internet's. With `nat` the provider
    translates `address` to `public`, both ways.
    """

    address: IpInterface
    gateway: IpAddress
    public: IpInterface
    peer: IpAddress
    nat: bool

    @property
    def internet_address(self) -> IpAddress:
        """The address under which the internet sees, and reaches, this uplink."""
        return self.public.ip if self.nat else self.address.ip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLine:
    """An uplink and its provider. Rates in bits per second, None = not limited.

    `delay_ms` is one way, each way; `has_dhcp_server` is the provider's.
    """

    name: str
    number: int
    interface: str
    families: tuple[LineAddressing, ...]
    upload: int | None
    download: int | None
    delay_ms: int
    external: bool
    has_dhcp_server: bool = False

    def family(self, version: int) -> LineAddressing | None:
        """The addressing of family 4 or 6; None without one."""
        return next((leg for leg in self.families if leg.address.version == version), None)

    @property
    def ipv4(self) -> LineAddressing:
        """The IPv4 addressing of a line. Raises StopIteration if it has none."""
        return next(leg for leg in self.families if leg.address.version == 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLayout:
    """A client host: its namespace's role, and its addresses, each family's first one first."""

    name: str
    addresses: tuple[IpInterface, ...]

    def ip_addresses(self, version: int) -> tuple[IpAddress, ...]:
        """Its addresses of family 4 or 6."""
        return tuple(address.ip for address in self.addresses if address.version == version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A VLAN: the gateway's port (or the trunk and a tag), its addresses, its client hosts."""

    name: str
    number: int
    port: str
    tag: int | None
    gateways: tuple[IpInterface, ...]
    clients: tuple[ClientLayout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLayout:
    """The whole venue. `servers` are the addresses that the internet answers on,
    `dhcp_uplinks` those whose address the file wants from a DHCP server.
    """

    config: Config
    lines: tuple[ProviderLine, ...]
    segments: tuple[Segment, ...]
    servers: tuple[IpAddress, ...]
    server_ports: tuple[int, ...]
    notes: tuple[str, ...]
    dhcp_uplinks: frozenset[str] = frozenset()
    relays: tuple[RelayLayout, ...] = ()

    def line(self, uplink: str) -> ProviderLine:
        """The line of an uplink."""
        return next(line for line in self.lines if line.name == uplink)


def plan_layout(adapted: AdaptedConfig, *, options: VenueOptions) -> VenueLayout:
    """The venue for an adapted configuration."""
    config = adapted.config
    asked = (*_probed_addresses(config), *_rule_destinations(config))
    servers = dict.fromkeys([*INTERNET_SERVERS, *(address for address, _ in asked)])
    taken = [a.network for pairs in adapted.addresses.values() for a, _ in pairs]
    taken += configured_networks(config)
    ports = dict.fromkeys([ECHO_SERVER_PORT, 53, 80, 443, *(port for _, port in asked if port)])
    trunk = config.lan.trunk if config.lan else ""
    return VenueLayout(
        config=config,
        lines=tuple(_provider_lines(adapted, options, frozenset(servers))),
        segments=tuple(
            Segment(
                name=vlan.name,
                number=number,
                port=vlan.port or trunk,
                tag=vlan.id if vlan.port is None else None,
                gateways=gateway_addresses(vlan),
                clients=tuple(_client_layouts(config, vlan, options)),
            )
            for number, vlan in enumerate(config.vlans.values(), 1)
        ),
        servers=tuple(server for server in servers if not any(server in net for net in taken)),
        server_ports=tuple(ports),
        notes=adapted.notes,
        dhcp_uplinks=adapted.dhcp_uplinks,
        relays=tuple(plan_relays(config, free_pool(INTERNET_POOLS4, adapted, frozenset(servers)))),
    )


def _probed_addresses(config: Config) -> Iterator[tuple[IpAddress, int]]:
    """Addresses and ports (0 = none) that the file probes or asks: the internet must have them."""
    for server in config.gateway.dns:
        yield server, 53
    healths = (config.health_settings_of(uplink) for uplink in config.uplinks.values())
    for target in (target for health in healths for target in health.targets):
        if target.address is not None:  # the lab's internet cannot resolve a name
            yield target.address, target.port


def _rule_destinations(config: Config) -> Iterator[tuple[IpAddress, int]]:
    """Where the rules send flows: an address in each destination, and the first of the ports."""
    for rule in config.rules:
        port = rule.ports[0].start if rule.ports else 0
        yield INTERNET_SERVERS[0], port
        for network in rule.networks:
            if not any(server in network for server in INTERNET_SERVERS):
                yield network[min(1, network.num_addresses - 1)], port


def _provider_lines(
    adapted: AdaptedConfig, options: VenueOptions, avoid: frozenset[IpAddress]
) -> Iterator[ProviderLine]:
    delays = dict(options.delay_ms)
    pools: dict[int, IpNetwork] = {
        4: free_pool(INTERNET_POOLS4, adapted, avoid),
        6: free_pool(INTERNET_POOLS6, adapted, avoid),
    }
    for number, uplink in enumerate(adapted.config.uplinks.values(), 1):
        if uplink.is_lane:
            continue
        yield ProviderLine(
            name=uplink.name,
            number=number,
            interface=uplink.interface,
            families=tuple(_line_families(adapted, uplink.name, number, pools, options)),
            upload=None if uplink.upload is None else int(uplink.upload),
            download=None if uplink.download is None else int(uplink.download),
            delay_ms=delays.get(uplink.name, 0),
            external=uplink.addressing is Addressing.EXTERNAL,
            has_dhcp_server=uplink.addressing is Addressing.DHCP,
        )


def _line_families(
    adapted: AdaptedConfig,
    name: str,
    number: int,
    pools: Mapping[int, IpNetwork],
    options: VenueOptions,
) -> Iterator[LineAddressing]:
    for address, gateway in adapted.addresses[name]:
        others = (
            a.network
            for other, pairs in adapted.addresses.items()
            if other != name
            for a, _ in pairs
        )
        shared = any(networks_overlap(address.network, other) for other in others)
        # Provider's interface and internet's address on the link between them.
        pool = pools[address.version]
        prefix = 30 if pool.version == 4 else 64
        start = int(pool.network_address) + (number << (pool.max_prefixlen - prefix))
        network = type(pool)((start, prefix))
        public, peer = ip_interface(f"{network[2]}/{prefix}"), network[1]
        leased = address.version == 4 and name in adapted.dhcp_uplinks  # its address may change
        nat = shared or leased or name in options.nat_uplinks
        yield LineAddressing(address=address, gateway=gateway, public=public, peer=peer, nat=nat)


def free_pool(
    pools: Sequence[IpNetwork], adapted: AdaptedConfig, avoid: frozenset[IpAddress]
) -> IpNetwork:
    """The first pool that nothing in the file overlaps. Raises UnavailableError without one."""
    used = configured_networks(adapted.config)
    for pool in pools:
        clash = any(networks_overlap(pool, network) for network in used)
        if not clash and not any(host in pool for host in avoid):
            return pool
    raise UnavailableError("the file uses every range that the lab numbers its internet with")


def _client_layouts(config: Config, vlan: Vlan, options: VenueOptions) -> Iterator[ClientLayout]:
    """Client hosts; a forward's target inside the VLAN is the first address of one of them."""
    served = dict.fromkeys(
        forward.to.address
        for forward in config.forwards
        if any(
            forward.to.address in g.network and forward.to.address != g.ip
            for g in gateway_addresses(vlan)
        )
    )
    pools = [_free_hosts(gateway, served) for gateway in gateway_addresses(vlan)]
    for number in range(max(options.clients_per_vlan, len(served))):
        chosen = [*list(served)[number : number + 1]]
        addresses: list[IpInterface] = []
        for gateway, pool in zip(gateway_addresses(vlan), pools, strict=True):
            fixed = [ip for ip in chosen if ip in gateway.network]
            free = islice(pool, options.addresses_per_client - len(fixed))
            addresses += [
                ip_interface(f"{ip}/{gateway.network.prefixlen}") for ip in (*fixed, *free)
            ]
        yield ClientLayout(name=f"{vlan.name}-{number + 1}", addresses=tuple(addresses))


def _free_hosts(gateway: IpInterface, served: Iterable[IpAddress]) -> Iterator[IpAddress]:
    """Free host addresses of the gateway's subnet, from its upper end down (IPv6: from ::1000)."""
    network = gateway.network
    avoid = {gateway.ip, *served}
    last = network.num_addresses - 2
    places = range(last, 0, -1) if network.version == 4 else range(min(0x1000, last), last + 1)
    candidates = (network[place] for place in places)
    return (address for address in candidates if address not in avoid)
