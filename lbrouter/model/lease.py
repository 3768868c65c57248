"""What a provider told an uplink: a lease (DHCP) with its times, and router advertisements."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TypeAlias

from lbrouter.model.messages.message import Message

DnsServers: TypeAlias = tuple[IPv6Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkLease:
    """One leased address (RFC 2131). Times are seconds of CLOCK_BOOTTIME, inf for never.

    A lease is an input like a fact: routes, sets and addresses follow from it.
    """

    address: IPv4Interface
    gateway: IPv4Address
    server: IPv4Address
    """The server that granted it: it is asked to renew, and its refusal counts."""
    station: str = ""
    """Hardware address from which the grant came ("02:00:..."): the server, or its relay."""
    dns: tuple[IPv4Address, ...] = ()
    mtu: int | None = None
    """Largest packet of the line in bytes, where the server says so."""
    obtained_at: float
    renew_at: float
    rebind_at: float
    expires_at: float

    @property
    def kernel_fields(self) -> tuple[object, ...]:
        """All that the kernel depends on: a renewal that leaves it alone changes nothing there."""
        return self.address, self.gateway, self.mtu


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisedLine:
    """What the routers on an uplink's own link advertise, as far as it may be used (RFC 4861).

    An input like a lease: address, route and resolvers of one uplink follow from it.

    Nothing of it is ever looked up for another line. `addresses` are formed under the prefixes of
    `router`: new flows use the first, the others stay for flows that have them.
    """

    router: IPv6Address | None = None
    """The link-local address of the router that counts now; None where none does."""
    addresses: tuple[IPv6Interface, ...] = ()
    prefix_is_on_link: bool = False
    """Whether the hosts of the first address's prefix are reached without the router."""
    mtu: int = 0
    """Largest packet of the line in bytes, 0 where the router does not say."""
    dns: DnsServers = ()
    """The resolvers that the router names (RFC 8106)."""
    managed: bool = False
    """The router's flag M: addresses are had by DHCPv6."""
    other: bool = False
    """Its flag O: other settings, as resolvers, are had by DHCPv6."""
    routers: int = 0
    """How many routers advertise themselves on this line, those that were not taken in included."""
    refused: tuple[Message, ...] = ()
    """What was advertised and is not used, and why."""
    lacks: Message | None = None
    """Why there is no IPv6 address, though a router was heard; None where there is one."""

    @property
    def is_usable(self) -> bool:
        """Whether the line can carry IPv6 by it."""
        return self.router is not None and bool(self.addresses)
