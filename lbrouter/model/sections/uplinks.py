"""The sections `[health]`, `[uplinks.NAME]` and `[uplinks.NAME.health]`."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from typing import Annotated, Final

from pydantic import Field, PrivateAttr

from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.sections.addresses import Addressing, Addressing6, DnsSource
from lbrouter.model.sections.device_names import (
    lane_device_name,
    ppp_device_name,
    tagged_device_name,
    unbound_device_name,
)
from lbrouter.model.sections.field_types import (
    AbsolutePath,
    AnyCidr,
    Cidr4,
    DhcpClientId,
    DhcpHostname,
    Flag,
    Headroom,
    HostAddress4,
    HostAddress6,
    LineOverhead,
    LineRate,
    MacAddress,
    NamedSection,
    PortChoice,
    RelayAddress,
    Section,
    SectionName,
    TargetUrl,
    TimeSpan,
    UplinkAddress4,
    UplinkAddress6,
    UplinkResolver,
    Username,
    WireguardKey,
)
from lbrouter.model.sections.interface_choice import InterfaceChoice
from lbrouter.model.sections.targets import parse_target
from lbrouter.model.units import Duration, Percent
from lbrouter.model.validated_strings import MAX_TAG, OneOrMany

MAX_TARGETS: Final = 16
MAX_UPLINK_RESOLVERS: Final = 8


DEFAULT_LANE_SUBNET: Final = IPv4Interface("10.255.0.2/30")

MIN_MTU: Final = 576
"""Each host must take such a packet (RFC 791)."""
MIN_MTU6: Final = 1280
"""Each line with IPv6 must take such a packet (RFC 8200)."""
MAX_MTU: Final = 9216
MAX_FURTHER_ADDRESSES: Final = 64


TargetUrls = Annotated[tuple[TargetUrl, ...], Field(min_length=1, max_length=MAX_TARGETS)]

DEFAULT_TARGETS: Final = tuple(
    parse_target(url)
    for url in ("icmp://1.1.1.1", "icmp://8.8.8.8", "dns://9.9.9.9", "tcp://1.0.0.1:443")
)
"""Three operators and three protocols: no single fault of theirs looks like a fault of the line."""


class Health(Section):
    """How it is found out whether an uplink works: the defaults of every uplink."""

    targets: TargetUrls = DEFAULT_TARGETS
    """What is asked: `icmp://`, `dns://`, `tcp://HOST:PORT`, `http://` and `https://`, in turn."""
    interval: TimeSpan = Duration(200)
    """One probe per uplink each interval, the targets in turn (`50ms` to `1m`)."""
    down_after: TimeSpan = Duration(800)
    """Silence this long on every target means down; never below what the round trip allows."""
    up_after: TimeSpan = Duration(10_000)
    """Clean this long before new flows return."""


class HealthOverride(Section):
    """What this uplink does otherwise than `[health]` says. A key left out is taken from there."""

    targets: TargetUrls | None = None
    """What is asked over this uplink, instead."""
    interval: TimeSpan | None = None
    """One probe each interval (`50ms` to `1m`)."""
    down_after: TimeSpan | None = None
    """Silence this long on every target means down."""
    up_after: TimeSpan | None = None
    """Clean this long before new flows return."""


class Uplink(NamedSection):
    """A line to the internet. At most 15."""

    interface_: PortChoice | None = Field(default=None, alias="interface")
    """The network interface that the line is plugged into, required but for a lane: its name, or
    `{ mac = "02:00:c0:ff:ee:01" }`, or `{ path = "pci-0000:00:14.0-usb-0:2:1.0" }` (udev's
    ID_PATH). With a MAC address or a path a stick that comes back under another name is found."""
    vlan: Annotated[int, Field(strict=True, ge=1, le=MAX_TAG)] | None = None
    """The provider's 802.1Q tag on that interface; lbrouter makes the device, also on the LAN's own
    trunk."""
    mtu: Annotated[int, Field(strict=True, ge=MIN_MTU, le=MAX_MTU)] | None = None
    """Largest packet of the line, in bytes. Absent means: the lease's, the session's, or the
    device's."""
    mac: MacAddress | None = None
    """The hardware address that is spoken towards the provider; `down` gives back the old one."""
    hostname: DhcpHostname | None = None
    """The name that the DHCP client tells the provider (option 12); with `dhcp` only."""
    client_id: DhcpClientId | None = None
    """The identifier that the DHCP client tells the provider (option 61): a text, or bytes in
    hexadecimal digits with colons, the type first; with `dhcp` only."""
    addresses: Annotated[tuple[AnyCidr, ...], Field(max_length=MAX_FURTHER_ADDRESSES)] = ()
    """Further addresses of ours on this line, `/32` too."""
    address: UplinkAddress4 | None = None
    """IPv4: a CIDR address (static), `dhcp`, `pppoe`, `external` (the system configures it,
    lbrouter watches), or `lane` (several lines at once, through a relay). Absent only where
    `address6` stands: a line with IPv6 alone."""
    gateway: HostAddress4 | None = None
    """The provider's router; with a static address only, and required there."""
    address6: UplinkAddress6 | None = None
    """IPv6: a CIDR address, `auto` (router advertisements) or `dhcp` (DHCPv6, one address; the
    router is the one that announces itself, or `gateway6`). Absent means no IPv6 here."""
    gateway6: HostAddress6 | None = None
    """The provider's IPv6 router, a link-local address too; with a static `address6`, and required
    there, or with `dhcp`."""
    dns: Annotated[
        tuple[UplinkResolver, ...],
        Field(min_length=1, max_length=MAX_UPLINK_RESOLVERS),
        OneOrMany(),
    ] = (DnsSource.LEASE,)
    """Resolvers that are asked by this line, while it is fit: `lease` (those that the lease, or the
    router's advertisement, names; beside `gateway.dns` only while none of those answers), a list of
    addresses, or `none`."""
    username: Username | None = None
    """The user name for PPPoE, and required there."""
    password_file: AbsolutePath | None = None
    """A file that holds the PPPoE password, required there: secrets never stand in this file."""
    over: Annotated[tuple[SectionName, ...], OneOrMany()] = ()
    """The lines of a lane, two or more: each packet leaves by every one of them that is fit."""
    relay: RelayAddress | None = None
    """Where the relay of a lane is: an IPv4 address or a name, and its UDP port."""
    relay_key: WireguardKey | None = None
    """The relay's public key. May be left out after `lbrouter relay setup NAME`."""
    key_file: AbsolutePath | None = None
    """A file that holds the private key of the gateway's end of a lane. May be left out after
    `lbrouter relay setup NAME`."""
    inside: Cidr4 | None = None
    """The gateway's address inside a lane; the relay has the first of the same subnet. Absent
    means: `10.255.0.2/30`."""
    upload: LineRate | None = None
    """What the line really carries towards the internet. Absent means: not shaped."""
    download: LineRate | None = None
    """What the line really carries from the internet. Absent means: not shaped."""
    headroom: Headroom = Percent(500)
    """Left free of `upload` and `download`, so that the queue stands in the gateway, which orders
    it, and not in the modem, which does not (`0%` to `50%`)."""
    overhead: LineOverhead | None = None
    """What the line adds to each IP packet: `"ethernet"` (38 bytes), `"docsis"` (18), `"pppoe-ptm"`
    (30, and 64/65 coding), or bytes. Then `upload` and `download` are the rates of the line itself.
    Absent means: Ethernet frames are counted as the kernel sees them (14)."""
    metered: Flag = False
    """Balance uses it only when no unmetered uplink of the policy is healthy."""
    health: HealthOverride = HealthOverride()
    """What this uplink does otherwise than `[health]` says."""

    _bound_to: str = PrivateAttr(default="")

    def bind(self, interface: str) -> "Uplink":
        """A copy that is plugged into `interface`: what the file's words lead to now.

        "" stands for none; then a line whose interface the file names has that name.
        """
        bound = self.model_copy()
        bound._bound_to = interface  # noqa: SLF001  -- a copy of this class
        return bound

    @property
    def choice(self) -> InterfaceChoice | None:
        """The MAC address or the path of the interface; None where the file names it."""
        return self.interface_ if isinstance(self.interface_, InterfaceChoice) else None

    @property
    def _named_port(self) -> str:
        return self.interface_ if isinstance(self.interface_, str) else ""

    @property
    def port(self) -> str:
        """The interface that the line is plugged into, below the provider's tag.

        Of a lane, the device that lbrouter makes; without an interface, a name that none has.
        """
        if self.is_lane:
            return lane_device_name(self.name)
        return self._bound_to or self._named_port or unbound_device_name(self.name)

    @property
    def interface(self) -> str:
        """The Ethernet interface of the line: `port`, or with a tag the VLAN device on it."""
        return self.port if self.vlan is None else tagged_device_name(self.port, self.vlan)

    @property
    def shown_interface(self) -> str:
        """The interface as people read it: its name, or what is looked for and not there."""
        waits = self.choice is not None and not self._bound_to
        return str(self.choice) if waits else self.interface

    @property
    def place(self) -> str:
        """Where the line is plugged in, whatever the name of the interface is now. No spaces."""
        port = self._named_port or (self.port if self.choice is None else self.choice.key)
        return port if self.vlan is None else f"{port}.{self.vlan}"

    @property
    def device(self) -> str:
        """The kernel's interface that carries the packets: `interface` itself, but with PPPoE a
        device that pppd makes on top of it and that comes and goes with the session.
        """
        return ppp_device_name(self.name) if self.addressing is Addressing.PPPOE else self.interface

    @property
    def identity(self) -> str:
        """What the line is known by, whatever its name: its interface, then its address or the word
        for it (PPPoE: and the user name, since two sessions may share a port).
        """
        address = self.address if self.address is not None else self.address6
        return " ".join(map(str, filter(None, (self.place, address, self.username))))

    @property
    def is_lane(self) -> bool:
        """Whether this is several lines at once, through a relay."""
        return self.address is Addressing.LANE

    @property
    def inside_address(self) -> IPv4Interface:
        """The gateway's address inside a lane."""
        return self.inside or DEFAULT_LANE_SUBNET

    @property
    def relay_inside(self) -> IPv4Address:
        """The relay's address inside a lane: the first of the subnet."""
        return self.inside_address.network.network_address + 1

    @property
    def addressing(self) -> Addressing:
        """Who brings the IPv4 address. A line with IPv6 alone counts as static."""
        return self.address if isinstance(self.address, Addressing) else Addressing.STATIC

    @property
    def static4(self) -> IPv4Interface | None:
        """The IPv4 address that lbrouter itself sets."""
        return self.address if isinstance(self.address, IPv4Interface) else None

    @property
    def static6(self) -> IPv6Interface | None:
        """The IPv6 address that lbrouter itself sets."""
        return self.address6 if isinstance(self.address6, IPv6Interface) else None

    @property
    def dhcp6(self) -> bool:
        """Whether the IPv6 address comes by DHCPv6."""
        return self.address6 is Addressing6.DHCP

    @property
    def resolvers(self) -> tuple[IpAddress, ...]:
        """The resolvers that the file names for this line."""
        return tuple(each for each in self.dns if not isinstance(each, DnsSource))

    @property
    def uses_lease_dns(self) -> bool:
        """Whether the resolvers that the provider names are asked."""
        return DnsSource.LEASE in self.dns

    @property
    def auto6(self) -> bool:
        """Whether the IPv6 address comes by router advertisement."""
        return self.address6 is Addressing6.AUTO
