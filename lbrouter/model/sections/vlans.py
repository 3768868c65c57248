"""The sections `[lan]` and `[vlans.NAME]`."""

from typing import Annotated, Final

from pydantic import Field

from lbrouter.model.sections.field_types import (
    Cidr4,
    Cidr6,
    Flag,
    HostAddress4,
    InterfaceName,
    LineRate,
    MacAddress,
    NamedSection,
    Percentage,
    PoolRange,
    Section,
    SectionName,
    TimeSpan,
)
from lbrouter.model.sections.line_rate import MIN_RATE
from lbrouter.model.units import Duration

MAX_TAG: Final = 4094
"""802.1Q: twelve bits, of which 0 means "no VLAN" and 4095 is reserved."""

MAX_PRIORITY: Final = 99
"""HTB itself knows eight (TC_HTB_NUMPRIO; 0 is for the gateway's own probes and ARP): from 7 on,
spare bandwidth goes out alike, and the number still says whose guarantee is met first."""

DEFAULT_PRIORITY: Final = 4

DEFAULT_CONNECTIONS: Final = 16_384
"""A room of guests behind one access point with NAT of its own is one client, too."""

MIN_CONNECTIONS: Final = 16
MAX_CONNECTIONS: Final = 1_000_000

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
    """What one client (one address) never exceeds. What is more is dropped, not queued: a protocol
    that does not slow down loses it. Absent means: clients share what the VLAN has."""


DEFAULT_LEASE_TIME: Final = Duration(12 * 3_600_000)


class Dhcp(Section):
    """Addresses for the clients of a VLAN."""

    range: PoolRange
    """First and last address to lease, inside the VLAN's subnet."""
    lease: TimeSpan = DEFAULT_LEASE_TIME
    """How long a client may keep its address unasked (at least `2m`)."""


class Reservation(Section):
    """A host that always gets the same address, and a name that the clients can ask for."""

    mac: MacAddress
    """Its hardware address."""
    address: HostAddress4
    """The address that it gets by DHCP, inside the VLAN's subnet, in its pool or beside it."""


class Vlan(NamedSection):
    """A network of clients: tagged on the trunk (`id`), or untagged on its own port (`port`)."""

    id: Annotated[int, Field(strict=True, ge=1, le=MAX_TAG)] | None = None
    """802.1Q tag on the trunk; either this or `port`."""
    port: InterfaceName | None = None
    """The interface that carries this network untagged; either this or `id`."""
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
    reach: tuple[SectionName, ...] = ()
    """VLANs that this one may open connections to."""
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
    hosts: Annotated[dict[SectionName, Reservation], Field(max_length=MAX_HOSTS)] = Field({})
    """Hosts with an address of their own, by the name under which the clients find them."""

    @property
    def identity(self) -> str:
        """What the VLAN is known by, whatever its name: its tag, or its port."""
        return f"port {self.port}" if self.port is not None else f"id {self.id}"
