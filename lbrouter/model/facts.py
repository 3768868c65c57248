"""`Facts` of the machine, the scope to observe, and the numbers of uplinks and VLANs."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Interface
from typing import Final

from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpInterface
from lbrouter.model.lane import LaneFacts
from lbrouter.model.lease import AdvertisedLine, UplinkLease
from lbrouter.model.messages.message import Message
from lbrouter.model.objects.lease6 import UplinkLease6

DEFAULT_CONNECTION_TABLE_SIZE: Final = 262_144
"""Connections that the kernel tracks at most, on a machine with 4 GB and more."""

DEFAULT_NEIGHBOUR_TABLE_SIZE: Final = 1024
"""Neighbours of one family that the kernel keeps at most (gc_thresh3), as it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRootQdisc:
    """A queueing discipline that another program put at the root of an interface."""

    kind: str
    handle: int
    """The major number."""

    def __str__(self) -> str:
        return f"{self.kind} {self.handle:x}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceFacts:
    """The facts of an interface that exists, before we change it."""

    name: str
    index: int
    up: bool
    carrier: bool
    mtu: int
    kind: str = ""
    """Kernel's kind ("veth", "vlan", "" for hardware)."""
    parent: str = ""
    """The interface that a VLAN device, or a macvlan, stands on."""
    tag: int = 0
    """The 802.1Q tag of a VLAN device."""
    ours: bool = False
    """Created by lbrouter (carries our ifalias)."""
    mac: str = ""
    """The hardware address that it speaks, in lower case; "" where it has none (ppp, tun)."""
    permanent_mac: str = ""
    """The hardware address that it was made with, "" where the driver does not tell."""
    path: str = ""
    """Where it is plugged in, as udev's ID_PATH; "" for what is not hardware."""
    addresses: tuple[IpInterface, ...] = ()
    """All its addresses, ours and others'."""
    foreign_addresses: tuple[IpInterface, ...] = ()
    """Those that others put there: we use them, and leave them."""
    autoconfigured: tuple[IPv6Interface, ...] = ()
    """Those that the kernel formed from router advertisements and that new flows may use: neither
    tentative, nor deprecated, nor temporary (RFC 8981)."""
    gateways: tuple[IpAddress, ...] = ()
    """Gateways of default routes by this interface in `main` that are not ours."""
    device_routes: frozenset[AddressFamily] = frozenset()
    """Families of which a default route in `main` leaves by this interface without a gateway."""
    foreign_root_qdisc: ForeignRootQdisc | None = None
    """The qdisc at its root that is neither ours nor the kernel's own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The machine as found: interfaces by name, kernel features by name, conflicts.

    `conflicts` are sentences; a conflict is reported, never removed. `take_over` are interfaces
    whose foreign root may be replaced.
    """

    interfaces: Mapping[str, InterfaceFacts] = field(default_factory=dict)
    read_at: float = field(default=0.0, compare=False)
    """When the reading of them began (CLOCK_MONOTONIC); 0 where that is not known."""
    features: frozenset[str] = frozenset()
    conflicts: tuple[str, ...] = ()
    leases: Mapping[str, UplinkLease] = field(default_factory=dict)
    """What DHCP servers lent to uplinks, by the uplink's name."""
    advertised: Mapping[str, AdvertisedLine] = field(default_factory=dict)
    """What routers advertise to uplinks with `address6 = "auto"`, by the uplink's name."""
    no_address_reasons: Mapping[str, Message] = field(default_factory=dict)
    """By uplink, why it has no address yet, as the program tells it that asks for one."""
    leases6: Mapping[str, UplinkLease6] = field(default_factory=dict)
    """What DHCPv6 servers lent to uplinks, by the uplink's name."""
    no_address6_reasons: Mapping[str, Message] = field(default_factory=dict)
    """By uplink, why it has no address by DHCPv6 yet."""
    take_over: frozenset[str] = frozenset()
    answering_nexthops: frozenset[tuple[str, IpAddress]] = frozenset()
    """Next hops of uplinks that the kernel has heard (ARP, ND), each with its interface."""
    connection_table_size: int = DEFAULT_CONNECTION_TABLE_SIZE
    """Connections that the kernel tracks at most (net.netfilter.nf_conntrack_max)."""
    neighbour_table_size: int = DEFAULT_NEIGHBOUR_TABLE_SIZE
    """Neighbours of one family that the kernel keeps at most, of all links and namespaces."""
    lanes: Mapping[str, LaneFacts] = field(default_factory=dict)
    """What each lane is made from, by its name; one that is absent cannot be set up, and
    `no_address_reasons` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveScope:
    """Where to look for what is ours: interfaces the file names, sysctls and properties we set."""

    interfaces: frozenset[str] = frozenset()
    sysctls: frozenset[str] = frozenset()
    link_settings: frozenset[Hashable] = frozenset()
    """Keys of the `LinkSetting`s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Uplink numbers (1 to 15) and VLAN numbers (1 to 4000) of one file, by name.

    Beside them what the numbers belong to: an uplink's and a VLAN's `identity`, those of earlier
    files too. `retired` lists identities whose number may be taken again, the longest gone first.
    """

    uplinks: Mapping[str, int] = field(default_factory=dict)
    vlans: Mapping[str, int] = field(default_factory=dict)
    uplink_identities: Mapping[str, int] = field(default_factory=dict)
    vlan_identities: Mapping[str, int] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
