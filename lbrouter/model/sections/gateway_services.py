"""Services of the gateway itself, as a VLAN's `services` writes them."""

import re
from dataclasses import dataclass
from typing import Final

from lbrouter.model.sections.addresses import parse_port
from lbrouter.model.validated_strings import InvalidValueError

NAMED_SERVICES: Final = {"ntp": ("udp", 123), "mdns": ("udp", 5353), "ssh": ("tcp", 22)}
"""Protocol and port of the services that have a word."""

ACCEPTED_SERVICE: Final = '"ntp", "mdns", "ssh", or a protocol and a port such as "tcp/8080"'
SERVICE_PATTERN: Final = "ntp|mdns|ssh|(tcp|udp)/[0-9]{1,5}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayService:
    """A service of the gateway: `word` as the file has it, protocol "tcp" or "udp", and port."""

    word: str
    protocol: str
    port: int

    def __str__(self) -> str:
        return self.word


def parse_service(text: str) -> GatewayService:
    """A service by its word, or by protocol and port. Raises InvalidValueError."""
    if text in NAMED_SERVICES:
        protocol, port = NAMED_SERVICES[text]
        return GatewayService(word=text, protocol=protocol, port=port)
    protocol, slash, digits = text.partition("/")
    if not slash or re.fullmatch("tcp|udp", protocol) is None:
        raise InvalidValueError("is not a service")
    return GatewayService(word=text, protocol=protocol, port=parse_port(digits))
