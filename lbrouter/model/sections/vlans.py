"""The sections `[lan]` and `[vlans.NAME]`."""

from typing import Annotated, Final

from pydantic import Field

from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.sections.field_types import (
    Cidr4,
    Cidr6,
    Flag,
    HostAddress,
    HostAddress4,
    InsideRouteText,
    InterfaceName,
    LineRate,
    MacAddress,
    NamedSection,
    OptionNumber,
    OptionValue,
    Percentage,
    PoolRange,
    Section,
    SectionName,
    ServiceWord,
    TimeSpan,
)
from lbrouter.model.sections.line_rate import MIN_RATE
from lbrouter.model.units import Duration
from lbrouter.model.validated_strings import MAX_TAG, OneOrMany

MAX_PRIORITY: Final = 99
"""HTB itself knows eight (TC_HTB_NUMPRIO; 0 is for the gateway's own probes and ARP): from 7 on,
spare bandwidth goes out alike, and the number still says whose guarantee is met first."""

DEFAULT_PRIORITY: Final = 4

DEFAULT_CONNECTIONS: Final = 16_384
"""A room of guests behind one access point with NAT of its own is one client, too."""

MIN_CONNECTIONS: Final = 16
MAX_CONNECTIONS: Final = 1_000_000

MAX_VLAN_DNS: Final = 3
MAX_SERVICES: Final = 64
MAX_INSIDE_ROUTES: Final = 256

MAX_HOSTS: Final = 1000
"""Hosts of one VLAN that have an address of their own."""


class Lan(Section):
    """The inside of the network."""

    trunk: InterfaceName
    """The interface that carries the tagged VLANs."""


class Bandwidth(Section):
    """What a VLAN gets of the uplinks, in one direction."""

    guaranteed: LineRate = MIN_RATE
    """What this VLAN always gets, whatever the others do."""
    ceiling: LineRate | None = None
    """What it never exceeds, over all uplinks together. Absent means: up to what they carry."""
    per_client: LineRate | None = None
    """What one client (one hardware address) never exceeds. What is more is dropped, not queued: a
    protocol that does not slow down loses it. Absent means: clients share what the VLAN has."""


DEFAULT_LEASE_TIME: Final = Duration(12 * 3_600_000)


class Dhcp(Section):
    """Addresses for the clients of a VLAN."""

    range: PoolRange
    """First and last address to lease, inside the VLAN's subnet."""
    lease: TimeSpan = DEFAULT_LEASE_TIME
    """How long a client may keep its address unasked (at least `2m`)."""
    options: dict[OptionNumber, Annotated[tuple[OptionValue, ...], OneOrMany()]] = Field({})
    """Further DHCP options by number, for phones, screens and network boots:
    `{ 66 = "10.20.2.5", 42 = ["10.20.2.5", "10.20.2.6"] }`."""


class Reservation(Section):
    """A host that always gets the same address, and a name that the clients can ask for."""

    mac: MacAddress
    """Its hardware address."""
    address: HostAddress4
    """The address that it gets by DHCP, inside the VLAN's subnet, in its pool or beside it."""


class Vlan(NamedSection):
    """A network of clients: tagged or untagged on the trunk, or on a port of its own."""

    id: Annotated[int, Field(strict=True, ge=1, le=MAX_TAG)] | None = None
    """802.1Q tag on the trunk; either this, or `port`, or `untagged`."""
    port: InterfaceName | None = None
    """The interface that carries this network untagged."""
    untagged: Flag = False
    """On the trunk's port, without a tag: what switches call the native VLAN. One VLAN may be."""
    address: Cidr4
    """The gateway's own address in this network, with the prefix length: the clients' gateway."""
    address6: Cidr6 | None = None
    """The same for IPv6: announced by router advertisement, translated on the uplink chosen."""
    policy: SectionName
    """The policy that picks the uplink for new flows, where no rule matches."""
    priority: Annotated[int, Field(strict=True, ge=1, le=MAX_PRIORITY)] = DEFAULT_PRIORITY
    """Who is served first with what is left over: 1 is first, 99 last."""
    upload: Bandwidth | None = None
    """Share of the uplinks towards the internet."""
    download: Bandwidth | None = None
    """Share of the uplinks from the internet."""
    manage: Flag = False
    """May reach the gateway's own services (SSH, dashboard); others may not."""
    services: Annotated[tuple[ServiceWord, ...], Field(max_length=MAX_SERVICES)] = ()
    """Services of the gateway itself that this VLAN may use, beside names and addresses: `ntp`,
    `mdns`, `ssh`, or a protocol and a port such as `tcp/8080`."""
    reach: tuple[SectionName, ...] = ()
    """VLANs that this one may open connections to."""
    routes: Annotated[tuple[InsideRouteText, ...], Field(max_length=MAX_INSIDE_ROUTES)] = ()
    """Networks behind a router of this VLAN, such as a layer 3 switch:
    `["10.50.0.0/16 via 10.20.2.14"]`. Their clients are clients of this VLAN."""
    modems: Flag = False
    """May reach the uplinks' own subnets (a modem's page) and private addresses beyond them. VLANs
    with `manage` always may, and so may a VLAN that a rule of its own leads there."""
    connections: Annotated[int, Field(strict=True, ge=MIN_CONNECTIONS, le=MAX_CONNECTIONS)] = (
        DEFAULT_CONNECTIONS
    )
    """Connections that one client (one hardware address) may hold. More are refused with an answer,
    counted and told."""
    budget: Percentage | None = None
    """Share of the connection table that all clients of this VLAN may hold together. Absent
    means: the VLANs without one share alike what the others leave of 90 %."""
    dhcp: Dhcp | None = None
    """Leases addresses to the clients. Absent means: no DHCP here, but for `hosts`."""
    dhcp_relay: HostAddress4 | None = None
    """A DHCP server elsewhere that the clients' requests are handed to, instead of `dhcp`."""
    dns: Annotated[tuple[HostAddress, ...], Field(max_length=MAX_VLAN_DNS)] = ()
    """Resolvers that the clients are told by DHCP and router advertisement, instead of the gateway.
    They are reached like anything else. Absent means: the gateway."""
    hosts: Annotated[dict[SectionName, Reservation], Field(max_length=MAX_HOSTS)] = Field({})
    """Hosts with an address of their own, by the name under which the clients find them."""

    @property
    def routed_networks(self) -> tuple[IpNetwork, ...]:
        """The networks behind routers of this VLAN."""
        return tuple(route.network for route in self.routes)

    @property
    def networks(self) -> tuple[IpNetwork, ...]:
        """Every network whose clients are this VLAN's, its own subnets first."""
        own = tuple(a.network for a in (self.address, self.address6) if a is not None)
        return (*own, *self.routed_networks)

    @property
    def identity(self) -> str:
        """What the VLAN is known by, whatever its name: its tag, or its port."""
        if self.untagged:
            return "untagged"
        return f"port {self.port}" if self.port is not None else f"id {self.id}"
