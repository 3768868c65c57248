"""What a lane's keys of the file hold: the relay, and WireGuard's keys."""

import re
from base64 import b64decode
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.addresses import parse_host4, parse_port
from lbrouter.model.validated_strings import InvalidValueError

ACCEPTED_RELAY: Final = (
    'an address or a name with a port, "198.51.100.7:51820" or "relay.example.org:51820"'
)
ACCEPTED_KEY: Final = "a WireGuard key: 43 letters, digits, + or /, then ="

WIREGUARD_KEY_PATTERN: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
RELAY_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")
MAX_HOST_NAME_LENGTH: Final = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayEndpoint:
    """The relay's WireGuard as seen from outside: an IPv4 address or a name, and a UDP port."""

    host: str
    port: int

    @property
    def address(self) -> IPv4Address | None:
        """The host as an address, None where it is a name that must be looked up."""
        try:
            return IPv4Address(self.host)
        except AddressValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_relay(text: str) -> RelayEndpoint:
    """The relay's address or name with its port."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise InvalidValueError("lacks its port", phrase('"{text}:51820" say', text=text[:60]))
    if ":" in host:
        raise InvalidValueError("is an IPv6 address: the lines reach the relay by IPv4")
    if re.fullmatch(r"[0-9.]+", host):
        return RelayEndpoint(host=str(parse_host4(host)), port=parse_port(port))
    if len(host) > MAX_HOST_NAME_LENGTH or RELAY_NAME_PATTERN.fullmatch(host) is None:
        raise InvalidValueError("names no host")
    return RelayEndpoint(host=host.lower(), port=parse_port(port))


def parse_wireguard_key(text: str) -> str:
    """A key of WireGuard as `wg` prints it: 32 bytes in base64. Zero is no key."""
    if WIREGUARD_KEY_PATTERN.fullmatch(text) is None:
        raise InvalidValueError("is not a WireGuard key")
    if not any(b64decode(text, validate=True)):
        raise InvalidValueError("is a WireGuard key of zeros, which no machine has")
    return text
