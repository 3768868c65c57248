"""What the sections of the file share: the base classes and the types of their keys."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from lbrouter.model import addresses, link_overhead, units, validated_strings
from lbrouter.model.addresses import Addressing, Addressing6, AddressRange, Endpoint
from lbrouter.model.kernel_state import IpAddress, IpNetwork
from lbrouter.model.targets import A_TARGET, Target, parse_target
from lbrouter.model.units import Duration, Percent, Rate
from lbrouter.model.validated_strings import RefusedError, Text

MIN_RATE: Final = Rate(8_000)
"""HTB counts in bytes a second and in microseconds: below this its arithmetic has no sense left."""

MAX_RATE: Final = Rate(100 * 10**9)


class Section(BaseModel):
    """A section of the file: frozen, and every key known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Named(Section):
    """A section that has a name, which is its key in the file."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The name under which the file holds this section."""
        return self._name

    def call(self, name: str) -> None:
        """Take `name`. Done once, by `Config`, for a section cannot see its own key."""
        self._name = name


def parse_line_rate(value: str) -> Rate:
    """A rate within what HTB can shape."""
    rate = Rate.parse(value)
    if rate < MIN_RATE:
        raise RefusedError("is less than HTB can shape", f"{MIN_RATE} to {MAX_RATE}")
    if rate > MAX_RATE:
        raise RefusedError("is more than any line carries", f"{MIN_RATE} to {MAX_RATE}")
    return rate


MAX_HEADROOM: Final = Percent(5_000)


def parse_headroom(value: str) -> Percent:
    """A share of a line that is left free."""
    share = Percent.parse(value)
    if share > MAX_HEADROOM:
        raise RefusedError("is more than half of the line", f'"0%" to "{MAX_HEADROOM}"')
    return share


A_NAME: Final = "a name: a lower-case letter, then up to 30 of a to z, 0 to 9, _ and -"
AN_INTERFACE: Final = "1 to 15 letters, digits and _ . @ -, a letter or digit first"
A_MAC: Final = 'a hardware address such as "aa:bb:cc:dd:ee:ff"'
A_HOST4: Final = 'an IPv4 address such as "203.0.113.1"'
A_HOST6: Final = 'an IPv6 address such as "2001:db8:1::1"'

Name = Annotated[
    str, Text(parse=validated_strings.parse_name, accepted=A_NAME, pattern=validated_strings.NAME)
]
InterfaceName = Annotated[
    str,
    Text(
        parse=validated_strings.parse_interface,
        accepted=AN_INTERFACE,
        pattern=validated_strings.INTERFACE,
    ),
]
Mac = Annotated[
    str,
    Text(
        parse=validated_strings.parse_mac,
        accepted=A_MAC,
        pattern="[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}",
    ),
]
Path = Annotated[
    str, Text(parse=validated_strings.parse_path, accepted='an absolute path, "/etc/..."')
]
Username = Annotated[
    str,
    Text(
        parse=validated_strings.parse_username,
        accepted="letters, digits and signs, no spaces or quotes",
    ),
]
LineRate = Annotated[
    Rate,
    Text(
        parse=parse_line_rate,
        accepted=units.A_RATE,
        pattern=f"{units.NUMBER}(bit|kbit|mbit|gbit)",
    ),
]
Time = Annotated[
    Duration,
    Text(parse=Duration.parse, accepted=units.A_DURATION, pattern=f"{units.NUMBER}(ms|s|m|h)"),
]
Percentage = Annotated[
    Percent, Text(parse=Percent.parse, accepted=units.A_PERCENT, pattern=f"{units.NUMBER}%")
]
Headroom = Annotated[
    Percent,
    Text(parse=parse_headroom, accepted='"0%" to "50%"', pattern=f"{units.NUMBER}%"),
]
LineOverhead = Annotated[
    link_overhead.Overhead,
    link_overhead.Wire(parse=link_overhead.parse_overhead, accepted=link_overhead.AN_OVERHEAD),
]
Uplink4 = Annotated[
    IPv4Interface | Addressing,
    Text(
        parse=addresses.parse_uplink4,
        accepted='a CIDR address such as "203.0.113.2/30", "dhcp", "pppoe" or "external"',
    ),
]
Uplink6 = Annotated[
    IPv6Interface | Addressing6,
    Text(
        parse=addresses.parse_uplink6,
        accepted='a CIDR address such as "2001:db8:1::2/64", or "auto"',
    ),
]
Cidr4 = Annotated[
    IPv4Interface,
    Text(parse=addresses.parse_cidr4, accepted='a CIDR address such as "10.10.10.1/24"'),
]
Cidr6 = Annotated[
    IPv6Interface,
    Text(parse=addresses.parse_cidr6, accepted='a CIDR address such as "fd10:10::1/64"'),
]
Host4 = Annotated[IPv4Address, Text(parse=addresses.parse_host4, accepted=A_HOST4)]
Host6 = Annotated[IPv6Address, Text(parse=addresses.parse_host6, accepted=A_HOST6)]
Host = Annotated[IpAddress, Text(parse=addresses.parse_host, accepted="an IP address")]
Network = Annotated[
    IpNetwork,
    Text(parse=addresses.parse_network, accepted='a network such as "198.51.100.0/24" or "::/0"'),
]
Range = Annotated[
    AddressRange,
    Text(parse=addresses.parse_range, accepted='a range such as "10.10.10.50-10.10.10.250"'),
]
Service = Annotated[
    Endpoint,
    Text(
        parse=addresses.parse_endpoint,
        accepted='an address with a port, "10.10.10.20:443" or "[fd10:10::20]:443"',
    ),
]
HealthTarget = Annotated[Target, Text(parse=parse_target, accepted=A_TARGET)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Flag = Annotated[bool, Field(strict=True)]
