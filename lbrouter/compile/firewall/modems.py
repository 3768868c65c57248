"""Who may reach what lies near the uplinks: modems' pages, and private addresses beyond a line."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Final

from lbrouter.compile.routing.uplink_addressing import UplinkNexthop, uplink_nexthop
from lbrouter.model.config import Config, Uplink, Vlan
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpNetwork

PRIVATE_NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # between a provider and its customers, RFC 6598
        "169.254.0.0/16",  # link-local, RFC 3927
        "172.16.0.0/12",  # RFC 1918
        "192.168.0.0/16",  # RFC 1918
        "fc00::/7",  # unique local, RFC 4193
        "fe80::/10",  # link-local, RFC 4291
    )
)
"""What is no address of the internet, and so belongs to whoever runs the line."""


def reaches_modems(vlan: Vlan) -> bool:
    """Whether all of it is open to the VLAN."""
    return vlan.modems or vlan.manage


def uplink_subnets(uplink: Uplink, facts: Facts) -> Iterator[IpNetwork]:
    """The subnets between the gateway and the line: the provider's router, the modem.

    They count for what goes by this line alone: a lease says what it likes of its own subnet.
    """
    for family in AddressFamily:
        way = uplink_nexthop(uplink, family, facts)
        if way is not None:
            yield way.address.network
            if way.gateway is not None:
                yield ip_network(way.gateway)


def modem_lines(config: Config, facts: Facts) -> dict[IpNetwork, str]:
    """By subnet between the gateway and a line, that line; none that two lines share.

    Where two modems have the same address it is the policy that decides, or a rule of the file.
    """
    owned = [
        (network, name)
        for name, uplink in config.uplinks.items()
        for family in AddressFamily
        if not uplink.is_lane and (way := uplink_nexthop(uplink, family, facts)) is not None
        for network in _networks_beside(way)
    ]
    shared = {
        network
        for network, name in owned
        for taken, other in owned
        if other != name and (_is_within(network, taken) or _is_within(taken, network))
    }
    return {network: name for network, name in owned if network not in shared}


def _networks_beside(way: UplinkNexthop) -> Iterator[IpNetwork]:
    """The subnet of a line, and its router where that is outside of it."""
    network = way.address.network
    wide = way.subnet_is_connected and network.prefixlen < network.max_prefixlen
    if wide:
        yield network
    outside = way.gateway is not None and not (wide and way.gateway in network)
    if way.gateway is not None and outside and not way.gateway.is_link_local:
        yield ip_network(way.gateway)


def line_of_modem(config: Config, vlan: Vlan, destination: IpAddress, facts: Facts) -> str | None:
    """The line that a flow of `vlan` takes because its destination lies beside that line."""
    if not reaches_modems(vlan):
        return None
    lines = modem_lines(config, facts).items()
    return next((name for network, name in lines if destination in network), None)


def is_closed(
    config: Config, vlan: Vlan, destination: IpAddress, facts: Facts, uplinks: Iterable[str]
) -> bool:
    """Whether a flow of `vlan` to `destination`, which lies beyond `uplinks`, is refused."""
    near = [network for name in uplinks for network in uplink_subnets(config.uplinks[name], facts)]
    return (
        not reaches_modems(vlan)
        and any(destination in network for network in (*PRIVATE_NETWORKS, *near))
        and not any(destination in network for network in opened_networks(config, vlan, facts))
    )


def opened_networks(config: Config, vlan: Vlan, facts: Facts) -> Iterator[IpNetwork]:
    """Networks that a rule of the file opens to the VLAN: wholly private, or of an uplink.

    A rule for the whole internet opens none: its author did not think of modems. Nor does a rule
    for one host of the VLAN, since what is opened is open to all of it.
    """
    near = (network for u in config.uplinks.values() for network in uplink_subnets(u, facts))
    closed = (*PRIVATE_NETWORKS, *near)
    for rule in config.rules:
        if vlan.name in rule.from_ and not rule.source:
            for network in rule.networks:
                if any(_is_within(network, other) for other in closed):
                    yield network


def _is_within(network: IpNetwork, other: IpNetwork) -> bool:
    return network.version == other.version and (
        int(network.network_address) >> (other.max_prefixlen - other.prefixlen)
        == int(other.network_address) >> (other.max_prefixlen - other.prefixlen)
        and network.prefixlen >= other.prefixlen
    )
