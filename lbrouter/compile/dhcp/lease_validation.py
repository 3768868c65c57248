"""What a server offers or grants, understood: a `Lease`, or the reason why it is nonsense."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from math import inf
from typing import Final

from lbrouter.compile.config.checks.subnets import free_beside
from lbrouter.compile.config.checks.uplinks import reserved_in
from lbrouter.compile.dhcp.message import Message, Option, addresses, number
from lbrouter.model.config import Config
from lbrouter.model.lease import Lease

FOREVER: Final = 0xFFFFFFFF
RENEW_SHARE, REBIND_SHARE = 0.5, 0.875
"""Of the lease's time (RFC 2131, 4.4.5), where the server does not say or says nonsense."""

SMALLEST_MTU: Final = 576
"""What every IPv4 host takes (RFC 791): less than that is a trap, not a line."""

MOST_SERVERS: Final = 4
"""Resolvers that are kept of a long list."""

SINGLE: Final = 32
NEVER_HOSTS: Final = (ip_network("0.0.0.0/8"), ip_network("127.0.0.0/8"), ip_network("224.0.0.0/3"))


class NonsenseError(ValueError):
    """A clause that goes on from "the server offers": what is wrong with it, and what to do."""


def read(message: Message, *, station: str, at: float, before: Lease | None = None) -> Lease:
    """The lease in an offer or a grant that was asked for `at`. Raises NonsenseError.

    `before` is the lease that this one prolongs: its server is meant where none is named.
    """
    address = _address(message)
    span_s = _span_s(message)
    renew_s, rebind_s = _moments_s(message, span_s)
    mtu = number(message.options.get(Option.MTU))
    return Lease(
        address=address,
        gateway=_gateway(message, address),
        server=_server(message, before),
        station=station,
        dns=tuple(_hosts(addresses(message.options.get(Option.DNS, b""))))[:MOST_SERVERS],
        mtu=mtu if mtu is not None and mtu >= SMALLEST_MTU else None,
        obtained_at=at,
        renew_at=at + renew_s,
        rebind_at=at + rebind_s,
        expires_at=at + span_s,
    )


def conflict(config: Config, lease: Lease) -> str:
    """Why `lease` cannot stand beside the VLANs of `config`, as a clause; "" where it can."""
    claimed = (lease.address.network, ip_network(lease.gateway))
    for vlan in config.vlans.values():
        for network in claimed:
            if network.overlaps(vlan.address.network):
                free = free_beside(config, lease.address.network, vlan.address.network.prefixlen)
                proposal = f', "{free}" is free' if free else ""
                return (
                    f"{lease.address} with gateway {lease.gateway}, which overlaps"
                    f" {vlan.address.network} of VLAN {vlan.name}; give vlans.{vlan.name}.address"
                    f" another subnet{proposal}, or the provider's modem another one"
                )
    return ""


def _address(message: Message) -> IPv4Interface:
    mask = message.options.get(Option.MASK)
    address = IPv4Interface((message.yours, _length(mask)))
    if address.network.prefixlen == 0:
        raise NonsenseError(f"{message.yours} with the netmask 0.0.0.0, the whole internet")
    if _never_a_host(message.yours):
        raise NonsenseError(f"{message.yours}, which is no host's address")
    if reserved_in(message.yours, address):
        raise NonsenseError(f"{address}, which {address.network} keeps for itself")
    return address


def _length(mask: bytes | None) -> int:
    """Prefix length of a netmask; one that is not said leaves the host alone in its network."""
    if mask is None:
        return SINGLE
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    if len(mask) != 4 or bits != (0xFFFFFFFF << (SINGLE - length)) & 0xFFFFFFFF:
        raise NonsenseError(f"a netmask that is none ({mask[:8].hex()})")
    return length


def _gateway(message: Message, address: IPv4Interface) -> IPv4Address:
    """The default route of option 121 (RFC 3442), else the first router of option 3 that can be."""
    named = [
        *_defaults(message.options.get(Option.STATIC_ROUTES, b"")),
        *addresses(message.options.get(Option.ROUTER, b"")),
    ]
    if not named:
        raise NonsenseError(f"{address} without a router")
    able = [hop for hop in _hosts(named) if hop != address.ip and not reserved_in(hop, address)]
    if not able:
        raise NonsenseError(f"{address} with the router {named[0]}, which cannot be one")
    return able[0]


def _defaults(value: bytes) -> Iterator[IPv4Address]:
    """Routers of the default routes in option 121: a length, as many bytes as it needs, a router.

    Up to the first route that is cut off or wrong.
    """
    at = 0
    while at < len(value):
        length, size = value[at], (value[at] + 7) // 8
        hop = value[at + 1 + size : at + 5 + size]
        if length > SINGLE or len(hop) != 4:
            return
        if length == 0:
            yield IPv4Address(hop)
        at += 5 + size


def _server(message: Message, before: Lease | None) -> IPv4Address:
    named = addresses(message.options.get(Option.SERVER, b""))
    if named:
        return named[0]
    if before is None:
        raise NonsenseError("an address without saying who offers it")
    return before.server


def _span_s(message: Message) -> float:
    seconds = number(message.options.get(Option.LEASE_TIME))
    if not seconds:
        raise NonsenseError(f"{message.yours} for no time at all")
    return inf if seconds == FOREVER else float(seconds)


def _moments_s(message: Message, span_s: float) -> tuple[float, float]:
    """Seconds until the lease is to be renewed, and until anybody may renew it."""
    renew = number(message.options.get(Option.RENEWAL))
    rebind = number(message.options.get(Option.REBINDING))
    if renew and rebind and renew < rebind < span_s:
        return float(renew), float(rebind)
    if renew and renew < REBIND_SHARE * span_s:
        return float(renew), REBIND_SHARE * span_s
    return RENEW_SHARE * span_s, REBIND_SHARE * span_s


def _hosts(found: Iterable[IPv4Address]) -> Iterator[IPv4Address]:
    return (each for each in found if not _never_a_host(each))


def _never_a_host(address: IPv4Address) -> bool:
    return any(address in network for network in NEVER_HOSTS if isinstance(network, IPv4Network))
