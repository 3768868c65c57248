"""`KernelState`: what the kernel should hold, and what it does hold, in the same types.

Each object has a `key` (what the kernel identifies it by) and equality over the fields that *we*
set. What the kernel adds by itself is dropped in `lbrouter.kernel`, never here. `why` says what the
object is for; it takes no part in equality, since the kernel does not store it.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.objects.link_setting import LinkSetting
from lbrouter.model.wireguard_tunnel import WireguardTunnel

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network


class AddressFamily(StrEnum):
    """Address family, named by the flag that `ip` takes for it."""

    V4 = "ip"
    V6 = "ip6"

    @property
    def version(self) -> int:
        """4 or 6."""
        return 4 if self is AddressFamily.V4 else 6

    @staticmethod
    def of_version(version: int) -> "AddressFamily":
        """The family of an address of `version` 4 or 6."""
        return AddressFamily.V4 if version == 4 else AddressFamily.V6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysctl:
    """A kernel setting: `path` below /proc/sys with slashes, `value` as text.

    A setting is never removed, only set; `down` sets it back to what was found first.
    """

    path: str
    value: str
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("sysctl", self.path)


class DeviceKind(StrEnum):
    """Kinds of device that lbrouter creates."""

    VLAN = "vlan"
    IFB = "ifb"
    DUMMY = "dummy"
    WIREGUARD = "wireguard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of ours: an 802.1Q VLAN on `parent` with `tag`, or another kind (no parent, tag 0).

    A WireGuard device is the kernel's own, or a program's where the kernel has none.
    """

    name: str
    kind: DeviceKind
    parent: str = ""
    tag: int = 0
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("device", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAdminState:
    """Whether an interface is administratively up. Like a sysctl: set, never removed."""

    interface: str
    up: bool
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("link", self.interface)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on an interface; without `prefix_route`, the kernel adds no route to `main`.

    A `deprecated` one (IPv6) is kept for the flows that have it; new ones take another.
    """

    interface: str
    address: IpInterface
    prefix_route: bool = True
    deprecated: bool = False
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("address", self.interface, self.address.ip, self.address.network.prefixlen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of ours. No gateway means connected. `unreachable` answers with an ICMP error."""

    table: int
    destination: IpNetwork
    interface: str = ""
    gateway: IpAddress | None = None
    source: IpAddress | None = None
    metric: int = 0
    onlink: bool = False
    mtu: int = 0
    """Largest packet that goes by it, 0 for what the interface takes."""
    why: str = field(default="", compare=False)

    @property
    def family(self) -> AddressFamily:
        """The family of the destination."""
        return AddressFamily.of_version(self.destination.version)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("route", self.family, self.table, self.destination, self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy rule. `table` 0 means `unreachable`. Selectors left empty match everything."""

    family: AddressFamily
    priority: int
    table: int
    mark: int = 0
    mask: int = 0
    in_interface: str = ""
    out_interface: str = ""
    suppress_prefix_length: int | None = None
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("rule", self.family, self.priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Qdisc:
    """A queueing discipline of ours.

    `handle` is the major (0xffff for ingress/clsact, 0 where the kernel picks one for a leaf);
    `parent` is "root", "ingress", "clsact" or a class as (major, minor). `options` are the
    parameters that we set, sorted by name. `replaces` is the handle of a foreign root that it
    may replace, 0 for none.
    """

    interface: str
    handle: int
    parent: str | tuple[int, int]
    kind: str
    options: tuple[tuple[str, int | str], ...] = ()
    replaces: int = field(default=0, compare=False)
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("qdisc", self.interface, self.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class HtbClass:
    """An HTB class. Rates in bits a second, bursts and quantum in bytes; parent minor 0 is root.

    `overhead` bytes are counted on top of each packet, `mpu` bytes for each one at the least.
    """

    interface: str
    classid: tuple[int, int]
    parent: tuple[int, int]
    rate: int
    ceil: int
    burst: int
    cburst: int
    quantum: int
    prio: int
    overhead: int = 0
    mpu: int = 0
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("class", self.interface, self.classid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Packets of `interface` in `direction` (ingress, egress) pass through IFB `to`; "" is none."""

    interface: str
    direction: str
    to: str
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("redirect", self.interface, self.direction)


NftElements = frozenset[tuple[str, str]]
"""Elements of an nft set or map as (key, value) in nft's own words; the value of a set's is ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NftTable:
    """Our nft table: the digest of its structure, and the elements of its static sets and maps.

    `script` is the structure as nft text, empty where only the kernel was asked (an nft dump is no
    image to load from). Two tables are equal when structure and elements are.
    """

    structure: str
    elements: Mapping[str, NftElements]
    script: str = field(default="", compare=False, repr=False)
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("nft",)


ManagedObject = (
    Sysctl
    | Device
    | WireguardTunnel
    | LinkAdminState
    | LinkSetting
    | Address
    | Route
    | Rule
    | Qdisc
    | HtbClass
    | Redirect
    | NftTable
    | ManagedProcess
)
"""What an operation is about. A `ManagedProcess` is never part of a `KernelState`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelState:
    """Everything that is ours in one network namespace, desired or observed."""

    sysctls: frozenset[Sysctl] = frozenset()
    devices: frozenset[Device] = frozenset()
    tunnels: frozenset[WireguardTunnel] = frozenset()
    links: frozenset[LinkAdminState] = frozenset()
    link_settings: frozenset[LinkSetting] = frozenset()
    addresses: frozenset[Address] = frozenset()
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()
    qdiscs: frozenset[Qdisc] = frozenset()
    classes: frozenset[HtbClass] = frozenset()
    redirects: frozenset[Redirect] = frozenset()
    nft: NftTable | None = None

    def objects(self) -> Iterator[ManagedObject]:
        """Every object, the nft table last."""
        for kind in fields(self):
            if kind.name != "nft":
                yield from getattr(self, kind.name)
        if self.nft is not None:
            yield self.nft
