"""Addresses as the configuration file writes them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    NetmaskValueError,
    ip_address,
    ip_network,
)
from typing import TypeVar

from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError


class Addressing(StrEnum):
    """How an uplink comes to its addresses."""

    STATIC = "static"
    DHCP = "dhcp"
    PPPOE = "pppoe"
    EXTERNAL = "external"
    LANE = "lane"


class Addressing6(StrEnum):
    """How an uplink comes to its IPv6 addresses, where the file does not give one."""

    AUTO = "auto"
    DHCP = "dhcp"


_Interface = TypeVar("_Interface", IPv4Interface, IPv6Interface)
_Host = TypeVar("_Host", IPv4Address, IPv6Address)
_LIMITED_BROADCAST = IPv4Address("255.255.255.255")

UPLINK_ADDRESSING_WORDS = (
    Addressing.DHCP,
    Addressing.PPPOE,
    Addressing.EXTERNAL,
    Addressing.LANE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    """Addresses from `start` to `end`, both included."""

    start: IPv4Address
    end: IPv4Address

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    def __contains__(self, address: IpAddress) -> bool:
        return address.version == 4 and int(self.start) <= int(address) <= int(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and a port (1 to 65535). `port` None: the same as outside."""

    address: IpAddress
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else f"{self.address}"
        return host if self.port is None else f"{host}:{self.port}"


def parse_cidr4(text: str) -> IPv4Interface:
    """An IPv4 address with its prefix length, as a host can carry it."""
    address = _parse_interface_address(text, IPv4Interface)
    _require_usable(address)
    return address


def parse_cidr6(text: str) -> IPv6Interface:
    """An IPv6 address with its prefix length, as a host can carry it beside its link-local one."""
    address = _parse_interface_address(text, IPv6Interface)
    if address.scope_id is not None or address.is_link_local:
        raise InvalidValueError("is a link-local address, which each interface has by itself")
    _require_usable(address)
    return address


def parse_cidr(text: str) -> IPv4Interface | IPv6Interface:
    """An address of either family with its prefix length, as a host can carry it."""
    return parse_cidr6(text) if ":" in text else parse_cidr4(text)


def parse_uplink_address4(text: str) -> IPv4Interface | Addressing:
    """The IPv4 side of an uplink: a CIDR address, or the word for how it gets one."""
    return Addressing(text) if text in UPLINK_ADDRESSING_WORDS else parse_cidr4(text)


class DnsSource(StrEnum):
    """Whom an uplink's queries are forwarded to, in a word."""

    LEASE = "lease"
    """Those that the lease, or the router's advertisement, names."""
    NONE = "none"


def parse_uplink_resolver(text: str) -> IpAddress | DnsSource:
    """A resolver of an uplink: an address, or a word for them."""
    if text in set(DnsSource):
        return DnsSource(text)
    return parse_host(text)


def parse_uplink_address6(text: str) -> IPv6Interface | Addressing6:
    """The IPv6 side of an uplink: a CIDR address, or the word for how it gets one."""
    return Addressing6(text) if text in set(Addressing6) else parse_cidr6(text)


def parse_host4(text: str) -> IPv4Address:
    """An IPv4 address of one host."""
    return _parse_host_address(text, IPv4Address)


def parse_host6(text: str) -> IPv6Address:
    """An IPv6 address of one host; link-local is fine, the interface is known from elsewhere."""
    return _parse_host_address(text, IPv6Address)


def parse_host(text: str) -> IpAddress:
    """An address of one host, of either family."""
    return parse_host6(text) if ":" in text else parse_host4(text)


def parse_network(text: str) -> IpNetwork:
    """A network in CIDR form, or one host's address."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise InvalidValueError("is not a network") from None
    if re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]{1,3})?", text) is None:
        raise InvalidValueError("is not a network in CIDR form")
    if "/" in text and ip_address(text.partition("/")[0]) != network.network_address:
        raise InvalidValueError(
            "has host bits set", phrase('the network itself, "{network}"', network=network)
        )
    return network


def parse_destination(text: str) -> IpNetwork | str:
    """A network in CIDR form, one host's address, or a name (in lower case)."""
    if re.fullmatch(r"[0-9a-fA-F.:/]+", text) and (":" in text or text[:1].isdigit()):
        return parse_network(text)
    return parse_domain_name(text)


def parse_domain_name(text: str) -> str:
    """A name of the DNS with a dot in it, in lower case."""
    name = text.lower().removesuffix(".")
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if len(name) > 253 or re.fullmatch(rf"({label}\.)+[a-z]([a-z0-9-]*[a-z0-9])?", name) is None:
        raise InvalidValueError("is neither a network nor a name")
    return name


def parse_range(text: str) -> AddressRange:
    """Two IPv4 addresses with a hyphen between, the lower one first."""
    start, hyphen, end = text.partition("-")
    if not hyphen:
        raise InvalidValueError("is not a range of addresses")
    addresses = AddressRange(start=parse_host4(start.strip()), end=parse_host4(end.strip()))
    if addresses.start > addresses.end:
        raise InvalidValueError(
            "ends before it starts",
            phrase('"{end}-{start}"', end=addresses.end, start=addresses.start),
        )
    return addresses


def parse_endpoint(text: str) -> Endpoint:
    """An address with a port or without: "10.10.10.20:443", "10.10.10.20", "[fd10:10::20]:443".

    IPv6 stands in brackets: whether the last group of a bare one is a port, no reader could tell.
    """
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise InvalidValueError("is not an address with a port")
        address: IpAddress = parse_host6(host)
        return Endpoint(address=address, port=parse_port(port[1:]) if port else None)
    host, colon, port = text.partition(":")
    if ":" in port:
        raise InvalidValueError("is not an address with a port; IPv6 stands in brackets")
    return Endpoint(address=parse_host4(host), port=parse_port(port) if colon else None)


def parse_port(text: str) -> int:
    """A port number in decimal digits, 1 to 65535."""
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 1 <= int(text) <= 65535:
        raise InvalidValueError(
            phrase('has the port "{text}", which is not in 1 to 65535', text=text[:20])
        )
    return int(text)


def _parse_interface_address(text: str, kind: type[_Interface]) -> _Interface:
    """`text` as an address with a prefix length. A netmask is refused: one way to write a thing."""
    address, slash, length = text.partition("/")
    if not slash:
        raise InvalidValueError("lacks its prefix length")
    if re.fullmatch(r"[0-9]{1,3}", length) is None or "%" in address:
        raise InvalidValueError("is not an address in CIDR form")
    try:
        return kind(text)
    except (AddressValueError, NetmaskValueError):
        raise InvalidValueError("is not an address in CIDR form") from None


def _parse_host_address(text: str, kind: type[_Host]) -> _Host:
    if "/" in text:
        raise InvalidValueError("has a prefix length, where the address of one host belongs")
    try:
        address = kind(text)
    except AddressValueError:
        raise InvalidValueError("is not an IP address") from None
    if address.is_multicast or address.is_unspecified or address.is_loopback or "%" in text:
        raise InvalidValueError("is not an address that a host on the network can have")
    return address


def _require_usable(address: IpInterface) -> None:
    """Refuse what no interface can carry. The cross-checks refuse the network's own."""
    ip = address.ip
    if ip.is_multicast or ip.is_unspecified or ip.is_loopback or ip == _LIMITED_BROADCAST:
        raise InvalidValueError("is not an address that a host can have")
    if address.network.prefixlen == 0:
        raise InvalidValueError("has the prefix length 0, which is the whole internet")
