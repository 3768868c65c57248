"""ICMP and ICMPv6 on the wire: what differs between the families, and errors that quote us. Pure.

RFC 792, RFC 1812 (5.2.7.1), RFC 4443. All that is read here may have been written by an enemy.
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

ECHO: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""

IPV6_HEADER: Final = 40
PROHIBITED: Final = "refused by a router"
LOOP: Final = "time exceeded: a routing loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One family: its numbers, its socket filter, and the codes of "unreachable" in words."""

    family: socket.AddressFamily
    protocol: int
    filter_level: int
    filter: bytes
    request: int
    reply: int
    unreachable: int
    expired: int
    words: Mapping[int, str]

    def body(self, packet: bytes) -> bytes:
        """The ICMP message of what a raw socket gives: over IPv4 the IP header stands before it."""
        if self.family is socket.AF_INET6 or not packet:
            return packet
        return packet[(packet[0] & 0x0F) * 4 :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An ICMP error: the echo request that it quotes, and why that went no further."""

    identifier: int
    sequence: int
    destination: str
    reason: str


def refused_echo(message: bytes, dialect: Dialect) -> Refusal | None:
    """What an ICMP error says of an echo request; None where it is about something else."""
    reason = _reason(message, dialect)
    quoted = message[ECHO.size :]
    header = _quoted_header(quoted, dialect)
    if reason is None or header is None or len(quoted) < header[0] + ECHO.size:
        return None
    size, destination = header
    kind, _, _, identifier, sequence = ECHO.unpack_from(quoted, size)
    if kind != dialect.request:
        return None
    return Refusal(identifier=identifier, sequence=sequence, destination=destination, reason=reason)


def _reason(message: bytes, dialect: Dialect) -> str | None:
    if message[0] == dialect.unreachable:
        return dialect.words.get(message[1], PROHIBITED)
    return LOOP if message[0] == dialect.expired else None


def _quoted_header(quoted: bytes, dialect: Dialect) -> tuple[int, str] | None:
    """Size of the IP header and destination of a quoted packet, if it is ICMP of this family."""
    if dialect.family is socket.AF_INET6:
        if len(quoted) < IPV6_HEADER or quoted[6] != dialect.protocol:
            return None
        return IPV6_HEADER, str(ip_address(quoted[24:40]))
    size = (quoted[0] & 0x0F) * 4 if quoted else 0
    if size < 20 or len(quoted) < size or quoted[9] != dialect.protocol:
        return None
    return size, str(ip_address(quoted[16:20]))


def checksum(message: bytes) -> int:
    """The Internet checksum (RFC 1071) of a message of even length."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _blocking_all_but(width: int, *kinds: int) -> bytes:
    """A socket filter of `width` types, a bit for each; a set bit blocks."""
    words = [0xFFFFFFFF] * (width // 32)
    for kind in kinds:
        words[kind // 32] &= ~(1 << kind % 32)
    return struct.pack(f"={len(words)}I", *words)


V4: Final = Dialect(
    family=socket.AF_INET,
    protocol=socket.IPPROTO_ICMP,
    filter_level=socket.IPPROTO_RAW,
    filter=_blocking_all_but(32, 0, 3, 11),
    request=8,
    reply=0,
    unreachable=3,
    expired=11,
    words={0: "network unreachable", 1: "host unreachable", 3: "port unreachable"},
)
V6: Final = Dialect(
    family=socket.AF_INET6,
    protocol=socket.IPPROTO_ICMPV6,
    filter_level=socket.IPPROTO_ICMPV6,
    filter=_blocking_all_but(256, 1, 3, 129),
    request=128,
    reply=129,
    unreachable=1,
    expired=3,
    words={0: "no route", 3: "host unreachable", 4: "port unreachable"},
)
