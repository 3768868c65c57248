"""Adapts a configuration to the venue: what is replaced, and by what, a note for each. Pure.

A PPPoE concentrator, router advertisements, an administrator's networkd: the lab has none. Their
uplinks, and those by DHCP, get a subnet of the lab's own, and (but for `external`) become static in
the rehearsed copy: `apply` alone fetches no lease. The fault of a lease has a DHCP server.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_interface
from itertools import islice

from lbrouter.model.config import Config, Uplink, Vlan
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.sections.addresses import Addressing
from lbrouter.rehearsal.adapt_interfaces import with_lab_ports
from lbrouter.rehearsal.adapt_lanes import with_lab_relay, without_lanes
from lbrouter.rehearsal.adapt_services import without_what_the_lab_lacks

LAB_UPLINK_POOL4 = IPv4Network("198.18.0.0/15")
LAB_UPLINK_POOL6 = IPv6Network("2001:2::/48")
"""Networks for interconnection tests (RFC 2544, RFC 5180): for uplinks that the lab numbers."""

UplinkAddresses = Mapping[str, tuple[tuple[IpInterface, IpAddress], ...]]
"""By uplink, the gateway's address and the provider's, IPv4 first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptedConfig:
    """The configuration as it can be rehearsed, every uplink's addresses, what was changed.

    `dhcp_uplinks` are those whose address the file wants from a DHCP server.
    """

    config: Config
    addresses: UplinkAddresses
    notes: tuple[str, ...]
    dhcp_uplinks: frozenset[str] = frozenset()


def adapt_config(
    config: Config, *, tags: bool, leases: frozenset[str] = frozenset(), no_lanes: str = ""
) -> AdaptedConfig:
    """`config` as this kernel can rehearse it; `tags` says that the kernel has 802.1Q.

    `leases` names the `dhcp` uplinks that get their address from a provider's DHCP server;
    `no_lanes` says why this machine can have no relay, "" where it can.
    """
    pairs: dict[str, tuple[tuple[IpInterface, IpAddress], ...]] = {}
    uplinks = {}
    notes: list[str] = []
    if no_lanes:
        config, notes = without_lanes(config, no_lanes)
    config, ports = with_lab_ports(config)
    notes += ports
    for number, uplink in enumerate(config.uplinks.values(), 1):
        if uplink.is_lane:
            uplinks[uplink.name], said = with_lab_relay(uplink, number, configured_networks(config))
            pairs[uplink.name], notes = (), [*notes, *said]
            continue
        pairs[uplink.name] = _uplink_addresses(config, uplink, number)
        leased = uplink.name in leases and uplink.addressing is Addressing.DHCP
        uplinks[uplink.name], said = _with_static_addresses(
            uplink, pairs[uplink.name], leased=leased
        )
        notes += said
    vlans = dict(config.vlans)
    untagged = [vlan for vlan in vlans.values() if vlan.untagged]
    vlans |= {vlan.name: _with_own_port(config, vlan) for vlan in untagged}
    notes += [f"{vlan.name}: gets a port of its own instead of the trunk's" for vlan in untagged]
    tagged = [vlan for vlan in vlans.values() if vlan.port is None]
    if tagged and not tags:
        vlans |= {vlan.name: _with_own_port(config, vlan) for vlan in tagged}
        trunk = config.lan.trunk if config.lan else "the trunk"
        names = ", ".join(vlan.name for vlan in tagged)
        notes.append(
            f"this kernel has no 802.1Q: {names} each get a port of their own instead of {trunk}"
        )
    leasing = [vlan.name for vlan in vlans.values() if vlan.dhcp is not None or vlan.hosts]
    if leasing:
        notes.append(f"{', '.join(leasing)}: the lab's clients have fixed addresses")
    config, said = without_what_the_lab_lacks(config)
    notes += said
    if config.alerts is not None:
        notes.append("alerts: a rehearsal sends none")
    lan = config.lan if tags else None
    others = {"uplinks": uplinks, "vlans": vlans, "lan": lan, "alerts": None}
    copy = config.model_copy(update=others)
    dhcp = {
        uplink.name for uplink in config.uplinks.values() if uplink.addressing is Addressing.DHCP
    }
    return AdaptedConfig(
        config=copy, addresses=pairs, notes=tuple(notes), dhcp_uplinks=frozenset(dhcp)
    )


def static_addresses(uplink: Uplink) -> Iterator[tuple[IpInterface, IpAddress]]:
    """The addresses that the file itself gives to an uplink."""
    for address, gateway in (
        (uplink.static4, uplink.gateway),
        (uplink.static6, uplink.gateway6),
    ):
        if address is not None and gateway is not None:
            yield address, gateway


def configured_networks(config: Config) -> list[IpNetwork]:
    """Every network that the file numbers: uplinks' and VLANs'."""
    networks = [a.network for up in config.uplinks.values() for a, _ in static_addresses(up)]
    return networks + [a.network for vlan in config.vlans.values() for a in gateway_addresses(vlan)]


def gateway_addresses(vlan: Vlan) -> tuple[IpInterface, ...]:
    """The gateway's addresses in a VLAN."""
    return tuple(address for address in (vlan.address, vlan.address6) if address is not None)


def networks_overlap(one: IpNetwork, other: IpNetwork) -> bool:
    """Whether two networks of whatever family share an address."""
    return one.version == other.version and (
        one.network_address in other or other.network_address in one
    )


def _uplink_addresses(
    config: Config, uplink: Uplink, number: int
) -> tuple[tuple[IpInterface, IpAddress], ...]:
    """The file's own addresses, with the lab's where the file gives none."""
    leased_pairs = list(static_addresses(uplink))
    if uplink.addressing is not Addressing.STATIC:
        leased_pairs.insert(0, _lab_subnet(config, LAB_UPLINK_POOL4, number, prefix=24))
    if uplink.auto6 or uplink.dhcp6:
        leased_pairs.append(_lab_subnet(config, LAB_UPLINK_POOL6, number, prefix=64))
    return tuple(leased_pairs)


def _lab_subnet(
    config: Config, pool: IpNetwork, number: int, *, prefix: int
) -> tuple[IpInterface, IpAddress]:
    """The lab's `number`-th subnet of `pool` that the file does not use."""
    used = configured_networks(config)
    step = 1 << (pool.max_prefixlen - prefix)
    base = int(pool.network_address)
    subnets = (type(pool)((base + step * place, prefix)) for place in range(1, 10000))
    free = (net for net in subnets if not any(networks_overlap(net, other) for other in used))
    network = next(islice(free, number - 1, None))
    return ip_interface(f"{network[2]}/{prefix}"), network[1]


def _with_static_addresses(
    uplink: Uplink, pairs: tuple[tuple[IpInterface, IpAddress], ...], *, leased: bool
) -> tuple[Uplink, list[str]]:
    """The uplink with static addresses, and a note for each address of the lab."""
    change: dict[str, object] = {}
    notes = []
    by_version = {address.version: (address, gateway) for address, gateway in pairs}
    if uplink.addressing in (Addressing.DHCP, Addressing.PPPOE) and not leased:
        change["address"], change["gateway"] = by_version[4]
        change |= dict.fromkeys(("username", "password_file", "hostname", "client_id"))
        but = ", but in the fault `lease`" if uplink.addressing is Addressing.DHCP else ""
        notes.append(
            f"uplinks.{uplink.name}: {uplink.addressing.value} is rehearsed as the static address "
            f"{by_version[4][0]}{but}"
        )
    if uplink.auto6 or uplink.dhcp6:
        change["address6"], change["gateway6"] = by_version[6]
        how = "DHCPv6" if uplink.dhcp6 else "router advertisement"
        notes.append(
            f"uplinks.{uplink.name}: IPv6 by {how} is rehearsed as the static "
            f"address {by_version[6][0]}"
        )
    return uplink.model_copy(update=change), notes


def _with_own_port(config: Config, vlan: Vlan) -> Vlan:
    """A tagged VLAN on a port of its own, named after its tag."""
    used = {up.interface for up in config.uplinks.values()}
    used |= {other.port for other in config.vlans.values() if other.port}
    name = "vlan0" if vlan.untagged else f"vlan{vlan.id}"
    while name in used:
        name += "x"
    return vlan.model_copy(update={"id": None, "port": name, "untagged": False})
