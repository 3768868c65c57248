"""Turns an offer or an ACK of a server into an `UplinkLease`, or says why it is invalid."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from math import inf
from typing import Final

from lbrouter.compile.config.checks.subnets import free_subnets
from lbrouter.compile.config.checks.uplinks import is_reserved_address
from lbrouter.compile.routing.asked_addresses import asked_addresses
from lbrouter.compile.wire.dhcp_message import (
    DhcpMessage,
    DhcpOption,
    parse_addresses,
    parse_number,
)
from lbrouter.model.config import Config
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.codes import OfferCode
from lbrouter.model.messages.message import Message, message

INFINITE_LEASE_TIME: Final = 0xFFFFFFFF
DEFAULT_RENEW_SHARE, DEFAULT_REBIND_SHARE = 0.5, 0.875
"""Of the lease's time (RFC 2131, 4.4.5), if the server gives none, or invalid ones."""

MIN_IPV4_MTU: Final = 576
"""What every IPv4 host takes (RFC 791): a smaller value is ignored."""

MAX_LEASE_DNS_SERVERS: Final = 4
"""Resolvers that are kept at most."""

IPV4_HOST_PREFIX_LENGTH: Final = 32
MIN_LEASE_PREFIX_LENGTH: Final = 8
"""Hotels lend an address with the netmask of 10.0.0.0/8. Nothing wider is anybody's own network."""
NON_HOST_NETWORKS: Final = (
    ip_network("0.0.0.0/8"),
    ip_network("127.0.0.0/8"),
    ip_network("224.0.0.0/3"),
)


class InvalidLeaseError(ValueError):
    """An invalid lease. `why` follows "the server offers": what is wrong, and what to do."""

    def __init__(self, code: OfferCode, **values: object) -> None:
        self.why = message(code, **{name: str(value) for name, value in values.items()})
        super().__init__(self.why.text)


def lease_from_message(
    offered: DhcpMessage, *, station: str, at: float, previous: UplinkLease | None = None
) -> UplinkLease:
    """The lease in an offer or an ACK that was requested `at`. Raises InvalidLeaseError.

    `previous` is the lease that this one renews: its server counts if the message names none.
    """
    mask = offered.options.get(DhcpOption.SUBNET_MASK)
    address = IPv4Interface((offered.yiaddr, _prefix_length(mask)))
    if address.network.prefixlen == 0:
        raise InvalidLeaseError(OfferCode.WHOLE_INTERNET, address=offered.yiaddr)
    if address.network.prefixlen < MIN_LEASE_PREFIX_LENGTH:
        raise InvalidLeaseError(OfferCode.TOO_WIDE, address=address)
    if _is_non_host(offered.yiaddr):
        raise InvalidLeaseError(OfferCode.NO_HOST_ADDRESS, address=offered.yiaddr)
    if is_reserved_address(offered.yiaddr, address):
        raise InvalidLeaseError(OfferCode.RESERVED_ADDRESS, address=address, subnet=address.network)
    seconds = parse_number(offered.options.get(DhcpOption.LEASE_TIME))
    if not seconds:
        raise InvalidLeaseError(OfferCode.NO_TIME, address=offered.yiaddr)
    span_s = inf if seconds == INFINITE_LEASE_TIME else float(seconds)
    renew_s, rebind_s = _renewal_times_s(offered, span_s)
    mtu = parse_number(offered.options.get(DhcpOption.MTU))
    named = parse_addresses(offered.options.get(DhcpOption.SERVER_ID, b""))
    if named:
        server = named[0]
    else:
        if previous is None:
            raise InvalidLeaseError(OfferCode.NO_SERVER_NAMED)
        server = previous.server
    return UplinkLease(
        address=address,
        gateway=_gateway(offered, address),
        server=server,
        station=station,
        dns=tuple(_only_hosts(parse_addresses(offered.options.get(DhcpOption.DNS, b""))))[
            :MAX_LEASE_DNS_SERVERS
        ],
        mtu=mtu if mtu is not None and mtu >= MIN_IPV4_MTU else None,
        obtained_at=at,
        renew_at=at + renew_s,
        rebind_at=at + rebind_s,
        expires_at=at + span_s,
    )


def lease_conflict(config: Config, lease: UplinkLease) -> Message | None:
    """Why `lease` cannot be used with `config`; None if it can.

    A wide subnet that merely holds VLANs is usable: their routes are longer. What a VLAN holds is
    not: the line's own address, its gateway, or its whole subnet.
    """
    owner = asked_addresses(config).get(lease.address.ip)
    if owner is not None:
        return message(OfferCode.TAKES_ADDRESS, address=str(lease.address), owner=owner)
    hit = [vlan for vlan in config.vlans.values() if _is_hit(vlan.address.network, lease)]
    if not hit:
        return None
    terms = {"address": str(lease.address), "gateway": str(lease.gateway)}
    taken = [lease.address.network, ip_network(lease.gateway)]
    free = free_subnets(config, taken, [vlan.address.network.prefixlen for vlan in hit])
    if len(hit) == 1:
        proposal = {"free": free[0]} if free else {}
        subnet, name = str(hit[0].address.network), hit[0].name
        return message(OfferCode.OVERLAPS_VLAN, **terms, subnet=subnet, vlan=name, **proposal)
    overlapped = tuple(f"{vlan.address.network} of VLAN {vlan.name}" for vlan in hit)
    listed = {"free": tuple(f'"{each}"' for each in free)} if free else {}
    return message(OfferCode.OVERLAPS_VLAN, **terms, vlans=overlapped, **listed)


def held_vlans(config: Config, lease: UplinkLease) -> tuple[str, ...]:
    """The VLANs within the subnet of a lease that is used: hosts of the line there are hidden."""
    network = lease.address.network
    return tuple(v.name for v in config.vlans.values() if v.address.network.overlaps(network))


def _is_hit(network: IPv4Network, lease: UplinkLease) -> bool:
    inside = lease.address.network.subnet_of(network)
    return inside or lease.address.ip in network or lease.gateway in network


def _prefix_length(mask: bytes | None) -> int:
    """Prefix length of a netmask; without one the host is alone in its network."""
    if mask is None:
        return IPV4_HOST_PREFIX_LENGTH
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    if len(mask) != 4 or bits != (0xFFFFFFFF << (IPV4_HOST_PREFIX_LENGTH - length)) & 0xFFFFFFFF:
        raise InvalidLeaseError(OfferCode.WRONG_NETMASK, mask=mask[:8].hex())
    return length


def _gateway(offered: DhcpMessage, address: IPv4Interface) -> IPv4Address:
    """The default route of option 121 (RFC 3442), else the first valid router of option 3."""
    named = [
        *_default_routers(offered.options.get(DhcpOption.CLASSLESS_STATIC_ROUTES, b"")),
        *parse_addresses(offered.options.get(DhcpOption.ROUTER, b"")),
    ]
    if not named:
        raise InvalidLeaseError(OfferCode.NO_ROUTER, address=address)
    able = [
        hop
        for hop in _only_hosts(named)
        if hop != address.ip and not is_reserved_address(hop, address)
    ]
    if not able:
        raise InvalidLeaseError(OfferCode.WRONG_ROUTER, address=address, gateway=named[0])
    return able[0]


def _default_routers(value: bytes) -> Iterator[IPv4Address]:
    """Routers of the default routes in option 121: a length, as many bytes as it needs, a router.

    Stops at the first route that is cut off or wrong.
    """
    at = 0
    while at < len(value):
        length, size = value[at], (value[at] + 7) // 8
        hop = value[at + 1 + size : at + 5 + size]
        if length > IPV4_HOST_PREFIX_LENGTH or len(hop) != 4:
            return
        if length == 0:
            yield IPv4Address(hop)
        at += 5 + size


def _renewal_times_s(offered: DhcpMessage, lease_time_s: float) -> tuple[float, float]:
    """Seconds until the client renews at its server (T1), and at any server (T2)."""
    renew = parse_number(offered.options.get(DhcpOption.RENEWAL_TIME))
    rebind = parse_number(offered.options.get(DhcpOption.REBINDING_TIME))
    if renew and rebind and renew < rebind < lease_time_s:
        return float(renew), float(rebind)
    if renew and renew < DEFAULT_REBIND_SHARE * lease_time_s:
        return float(renew), DEFAULT_REBIND_SHARE * lease_time_s
    return DEFAULT_RENEW_SHARE * lease_time_s, DEFAULT_REBIND_SHARE * lease_time_s


def _only_hosts(candidates: Iterable[IPv4Address]) -> Iterator[IPv4Address]:
    return (address for address in candidates if not _is_non_host(address))


def _is_non_host(address: IPv4Address) -> bool:
    return any(
        address in network for network in NON_HOST_NETWORKS if isinstance(network, IPv4Network)
    )
