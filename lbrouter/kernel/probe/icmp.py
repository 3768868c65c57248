"""ICMP and ICMPv6 on the wire: what differs between the families, and errors that quote us. Pure.

RFC 792, RFC 1812 (5.2.7.1), RFC 4443. All that is read here may have been written by an enemy.
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

ICMP_ECHO_HEADER: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""

IPV6_HEADER_BYTES: Final = 40
REASON_PROHIBITED: Final = "refused by a router"
REASON_ROUTING_LOOP: Final = "time exceeded: a routing loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpVariant:
    """One family: its numbers, its socket filter, and the codes of "unreachable" in words."""

    family: socket.AddressFamily
    protocol: int
    filter_level: int
    filter: bytes
    request: int
    reply: int
    unreachable: int
    time_exceeded: int
    unreachable_reasons: Mapping[int, str]

    def body(self, packet: bytes) -> bytes:
        """The ICMP message of what a raw socket gives: over IPv4 the IP header stands before it."""
        if self.family is socket.AF_INET6 or not packet:
            return packet
        return packet[(packet[0] & 0x0F) * 4 :]


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpError:
    """An ICMP error: the echo request that it quotes, and why that went no further."""

    identifier: int
    sequence: int
    destination: str
    reason: str


def parse_icmp_error(message: bytes, variant: IcmpVariant) -> IcmpError | None:
    """What an ICMP error says of an echo request; None where it is about something else."""
    if message[0] == variant.unreachable:
        reason: str | None = variant.unreachable_reasons.get(message[1], REASON_PROHIBITED)
    else:
        reason = REASON_ROUTING_LOOP if message[0] == variant.time_exceeded else None
    quoted = message[ICMP_ECHO_HEADER.size :]
    header = _quoted_header(quoted, variant)
    if reason is None or header is None or len(quoted) < header[0] + ICMP_ECHO_HEADER.size:
        return None
    size, destination = header
    kind, _, _, identifier, sequence = ICMP_ECHO_HEADER.unpack_from(quoted, size)
    if kind != variant.request:
        return None
    return IcmpError(
        identifier=identifier, sequence=sequence, destination=destination, reason=reason
    )


def _quoted_header(quoted: bytes, variant: IcmpVariant) -> tuple[int, str] | None:
    """Size of the IP header and destination of a quoted packet, if it is ICMP of this family."""
    if variant.family is socket.AF_INET6:
        if len(quoted) < IPV6_HEADER_BYTES or quoted[6] != variant.protocol:
            return None
        return IPV6_HEADER_BYTES, str(ip_address(quoted[24:40]))
    size = (quoted[0] & 0x0F) * 4 if quoted else 0
    if size < 20 or len(quoted) < size or quoted[9] != variant.protocol:
        return None
    return size, str(ip_address(quoted[16:20]))


def _block_all_except(width: int, *kinds: int) -> bytes:
    """A socket filter of `width` types, a bit for each; a set bit blocks."""
    words = [0xFFFFFFFF] * (width // 32)
    for kind in kinds:
        words[kind // 32] &= ~(1 << kind % 32)
    return struct.pack(f"={len(words)}I", *words)


ICMP_V4: Final = IcmpVariant(
    family=socket.AF_INET,
    protocol=socket.IPPROTO_ICMP,
    filter_level=socket.IPPROTO_RAW,
    filter=_block_all_except(32, 0, 3, 11),
    request=8,
    reply=0,
    unreachable=3,
    time_exceeded=11,
    unreachable_reasons={0: "network unreachable", 1: "host unreachable", 3: "port unreachable"},
)
ICMP_V6: Final = IcmpVariant(
    family=socket.AF_INET6,
    protocol=socket.IPPROTO_ICMPV6,
    filter_level=socket.IPPROTO_ICMPV6,
    filter=_block_all_except(256, 1, 3, 129),
    request=128,
    reply=129,
    unreachable=1,
    time_exceeded=3,
    unreachable_reasons={0: "no route", 3: "host unreachable", 4: "port unreachable"},
)
