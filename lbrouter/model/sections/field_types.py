"""What the sections of the file share: the base classes and the types of their keys."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from lbrouter.model import units, validated_strings
from lbrouter.model.kernel_state import IpAddress, IpNetwork
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections import (
    addresses,
    dhcp_names,
    dhcp_options,
    gateway_services,
    inside_routes,
    lanes,
    link_overhead,
    ports,
    time_zone,
)
from lbrouter.model.sections.addresses import (
    Addressing,
    Addressing6,
    AddressRange,
    DnsSource,
    Endpoint,
)
from lbrouter.model.sections.interface_choice import (
    ACCEPTED_CHOICE,
    InterfaceChoice,
    ParsedInterface,
    decode_interface,
)
from lbrouter.model.sections.line_rate import parse_line_rate
from lbrouter.model.sections.targets import ACCEPTED_TARGET, ProbeTarget, parse_target
from lbrouter.model.units import Duration, Percent, Rate
from lbrouter.model.validated_strings import InvalidValueError, ParsedString


class Section(BaseModel):
    """A section of the file: frozen, and every key known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NamedSection(Section):
    """A section that has a name, which is its key in the file."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The name under which the file holds this section."""
        return self._name

    def set_name(self, name: str) -> None:
        """Take `name`. Done once, by `Config`, for a section cannot see its own key."""
        self._name = name


MAX_HEADROOM: Final = Percent(5_000)


def parse_headroom(value: str) -> Percent:
    """A share of a line that is left free."""
    share = Percent.parse(value)
    if share > MAX_HEADROOM:
        raise InvalidValueError(
            "is more than half of the line",
            phrase('"0%" to "{most}"', most=MAX_HEADROOM),
        )
    return share


ACCEPTED_NAME: Final = "a name: a lower-case letter, then up to 30 of a to z, 0 to 9, _ and -"
ACCEPTED_INTERFACE: Final = "1 to 15 letters, digits and _ . @ -, a letter or digit first"
ACCEPTED_MAC: Final = 'a hardware address such as "aa:bb:cc:dd:ee:ff"'
ACCEPTED_HOST4: Final = 'an IPv4 address such as "203.0.113.1"'
ACCEPTED_HOST6: Final = 'an IPv6 address such as "2001:db8:1::1"'

SectionName = Annotated[
    str,
    ParsedString(
        parse=validated_strings.parse_name,
        accepted=ACCEPTED_NAME,
        pattern=validated_strings.NAME_PATTERN,
    ),
]
InterfaceName = Annotated[
    str,
    ParsedString(
        parse=validated_strings.parse_interface,
        accepted=ACCEPTED_INTERFACE,
        pattern=validated_strings.INTERFACE_PATTERN,
    ),
]
PortChoice = Annotated[
    str | InterfaceChoice, ParsedInterface(parse=decode_interface, accepted=ACCEPTED_CHOICE)
]
MacAddress = Annotated[
    str,
    ParsedString(
        parse=validated_strings.parse_mac,
        accepted=ACCEPTED_MAC,
        pattern="[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}",
    ),
]
DhcpHostname = Annotated[
    str,
    ParsedString(
        parse=dhcp_names.parse_hostname,
        accepted=dhcp_names.ACCEPTED_HOSTNAME,
        pattern=dhcp_names.HOSTNAME_PATTERN,
    ),
]
DhcpClientId = Annotated[
    dhcp_names.ClientId,
    ParsedString(parse=dhcp_names.parse_client_id, accepted=dhcp_names.ACCEPTED_CLIENT_ID),
]
AbsolutePath = Annotated[
    str, ParsedString(parse=validated_strings.parse_path, accepted='an absolute path, "/etc/..."')
]
Username = Annotated[
    str,
    ParsedString(
        parse=validated_strings.parse_username,
        accepted="letters, digits and signs, no spaces or quotes",
    ),
]
LineRate = Annotated[
    Rate,
    ParsedString(
        parse=parse_line_rate,
        accepted=units.ACCEPTED_RATE,
        pattern=f"{units.NUMBER_PATTERN}(bit|kbit|mbit|gbit)",
    ),
]
TimeSpan = Annotated[
    Duration,
    ParsedString(
        parse=Duration.parse,
        accepted=units.ACCEPTED_DURATION,
        pattern=f"{units.NUMBER_PATTERN}(ms|s|m|h)",
    ),
]
Percentage = Annotated[
    Percent,
    ParsedString(
        parse=Percent.parse, accepted=units.ACCEPTED_PERCENT, pattern=f"{units.NUMBER_PATTERN}%"
    ),
]
Headroom = Annotated[
    Percent,
    ParsedString(
        parse=parse_headroom, accepted='"0%" to "50%"', pattern=f"{units.NUMBER_PATTERN}%"
    ),
]
LineOverhead = Annotated[
    link_overhead.LinkOverhead,
    link_overhead.ParsedOverhead(
        parse=link_overhead.parse_overhead, accepted=link_overhead.ACCEPTED_OVERHEAD
    ),
]
UplinkAddress4 = Annotated[
    IPv4Interface | Addressing,
    ParsedString(
        parse=addresses.parse_uplink_address4,
        accepted='a CIDR address such as "203.0.113.2/30", "dhcp", "pppoe", "external" or "lane"',
    ),
]
UplinkAddress6 = Annotated[
    IPv6Interface | Addressing6,
    ParsedString(
        parse=addresses.parse_uplink_address6,
        accepted='a CIDR address such as "2001:db8:1::2/64", "auto" or "dhcp"',
    ),
]
AnyCidr = Annotated[
    IPv4Interface | IPv6Interface,
    ParsedString(parse=addresses.parse_cidr, accepted='a CIDR address such as "203.0.113.3/32"'),
]
Cidr4 = Annotated[
    IPv4Interface,
    ParsedString(parse=addresses.parse_cidr4, accepted='a CIDR address such as "10.10.10.1/24"'),
]
Cidr6 = Annotated[
    IPv6Interface,
    ParsedString(parse=addresses.parse_cidr6, accepted='a CIDR address such as "fd10:10::1/64"'),
]
HostAddress4 = Annotated[
    IPv4Address, ParsedString(parse=addresses.parse_host4, accepted=ACCEPTED_HOST4)
]
HostAddress6 = Annotated[
    IPv6Address, ParsedString(parse=addresses.parse_host6, accepted=ACCEPTED_HOST6)
]
HostAddress = Annotated[
    IpAddress, ParsedString(parse=addresses.parse_host, accepted="an IP address")
]
UplinkResolver = Annotated[
    IpAddress | DnsSource,
    ParsedString(
        parse=addresses.parse_uplink_resolver,
        accepted='"lease", "none", or an address such as "198.51.100.1"',
    ),
]
Network = Annotated[
    IpNetwork,
    ParsedString(
        parse=addresses.parse_network, accepted='a network such as "198.51.100.0/24" or "::/0"'
    ),
]
Destination = Annotated[
    IpNetwork | str,
    ParsedString(
        parse=addresses.parse_destination,
        accepted='a network such as "198.51.100.0/24" or "::/0", or a name such as "youtube.com"',
    ),
]
OptionNumber = Annotated[
    str,
    ParsedString(
        parse=dhcp_options.parse_option_number,
        accepted=dhcp_options.ACCEPTED_OPTION_NUMBER,
        pattern=dhcp_options.OPTION_NUMBER_PATTERN,
    ),
]
OptionValue = Annotated[
    str,
    ParsedString(
        parse=dhcp_options.parse_option_value, accepted=dhcp_options.ACCEPTED_OPTION_VALUE
    ),
]
ServiceWord = Annotated[
    gateway_services.GatewayService,
    ParsedString(
        parse=gateway_services.parse_service,
        accepted=gateway_services.ACCEPTED_SERVICE,
        pattern=f"({gateway_services.SERVICE_PATTERN})",
    ),
]
InsideRouteText = Annotated[
    inside_routes.InsideRoute,
    ParsedString(
        parse=inside_routes.parse_inside_route,
        accepted=inside_routes.ACCEPTED_INSIDE_ROUTE,
        pattern=inside_routes.INSIDE_ROUTE_PATTERN,
    ),
]
PoolRange = Annotated[
    AddressRange,
    ParsedString(
        parse=addresses.parse_range, accepted='a range such as "10.10.10.50-10.10.10.250"'
    ),
]
ServiceEndpoint = Annotated[
    Endpoint,
    ParsedString(
        parse=addresses.parse_endpoint,
        accepted='an address, with a port or without: "10.10.10.20:443", "[fd10:10::20]:443" or'
        ' "10.10.10.20" (the ports as outside)',
    ),
]
RelayAddress = Annotated[
    lanes.RelayEndpoint,
    ParsedString(parse=lanes.parse_relay, accepted=lanes.ACCEPTED_RELAY),
]
WireguardKey = Annotated[
    str, ParsedString(parse=lanes.parse_wireguard_key, accepted=lanes.ACCEPTED_KEY)
]
TargetUrl = Annotated[ProbeTarget, ParsedString(parse=parse_target, accepted=ACCEPTED_TARGET)]
TimeZone = Annotated[
    ZoneInfo, ParsedString(parse=time_zone.parse_time_zone, accepted=time_zone.ACCEPTED_TIME_ZONE)
]
Ports = Annotated[
    ports.PortRange,
    ports.ParsedPorts(parse=ports.parse_ports, accepted=ports.ACCEPTED_PORTS),
]
Flag = Annotated[bool, Field(strict=True)]
