"""ICMP and ICMPv6 messages: answers to our echo requests, and errors that quote one. Pure.

RFC 792, RFC 1812 (5.2.7.1), RFC 4443. All that is read here may have been written by an enemy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct
from typing import Final

ICMP_ECHO_HEADER: Final = Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""

IPV6_HEADER_BYTES: Final = 40
MIN_IPV4_HEADER_BYTES: Final = 20
REASON_PROHIBITED: Final = "refused by a router"
REASON_ROUTING_LOOP: Final = "time exceeded: a routing loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpNumbers:
    """The numbers of one family, and its codes of "unreachable" in words."""

    version: int
    protocol: int
    request: int
    reply: int
    unreachable: int
    time_exceeded: int
    unreachable_reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpEchoReply:
    """The answer to an echo request, with what that carried."""

    identifier: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpError:
    """An ICMP error: the echo request that it quotes, and why that went no further."""

    identifier: int
    sequence: int
    destination: str
    reason: str


def parse_icmp_packet(packet: bytes, numbers: IcmpNumbers) -> IcmpEchoReply | IcmpError | None:
    """What a raw socket received; None for anything else, and for what is cut off.

    Over IPv4 the IP header stands before the message.
    """
    start = (packet[0] & 0x0F) * 4 if packet and numbers.version == 4 else 0
    message = packet[start:]
    if len(message) < ICMP_ECHO_HEADER.size:
        return None
    kind, _, _, identifier, sequence = ICMP_ECHO_HEADER.unpack_from(message)
    if kind != numbers.reply:
        return parse_icmp_error(message, numbers)
    body = message[ICMP_ECHO_HEADER.size :]
    return IcmpEchoReply(identifier=identifier, sequence=sequence, body=body)


def parse_icmp_error(message: bytes, numbers: IcmpNumbers) -> IcmpError | None:
    """What an ICMP error says of an echo request; None where it is about something else."""
    reason = _reason(message, numbers)
    quoted = message[ICMP_ECHO_HEADER.size :]
    header = _quoted_header(quoted, numbers)
    if reason is None or header is None or len(quoted) < header[0] + ICMP_ECHO_HEADER.size:
        return None
    size, destination = header
    kind, _, _, identifier, sequence = ICMP_ECHO_HEADER.unpack_from(quoted, size)
    if kind != numbers.request:
        return None
    return IcmpError(
        identifier=identifier, sequence=sequence, destination=destination, reason=reason
    )


def _reason(message: bytes, numbers: IcmpNumbers) -> str | None:
    kind, code = message[:1], message[1:2]
    if kind == bytes((numbers.unreachable,)):
        return numbers.unreachable_reasons.get(int.from_bytes(code), REASON_PROHIBITED)
    return REASON_ROUTING_LOOP if kind == bytes((numbers.time_exceeded,)) else None


def _quoted_header(quoted: bytes, numbers: IcmpNumbers) -> tuple[int, str] | None:
    """Size of the IP header and destination of a quoted packet, if it is ICMP of this family."""
    if numbers.version == 6:
        if len(quoted) < IPV6_HEADER_BYTES or quoted[6] != numbers.protocol:
            return None
        return IPV6_HEADER_BYTES, str(ip_address(quoted[24:40]))
    size = (quoted[0] & 0x0F) * 4 if quoted else 0
    if size < MIN_IPV4_HEADER_BYTES or len(quoted) < size or quoted[9] != numbers.protocol:
        return None
    return size, str(ip_address(quoted[16:20]))


ICMP_NUMBERS_V4: Final = IcmpNumbers(
    version=4,
    protocol=1,
    request=8,
    reply=0,
    unreachable=3,
    time_exceeded=11,
    unreachable_reasons={0: "network unreachable", 1: "host unreachable", 3: "port unreachable"},
)
ICMP_NUMBERS_V6: Final = IcmpNumbers(
    version=6,
    protocol=58,
    request=128,
    reply=129,
    unreachable=1,
    time_exceeded=3,
    unreachable_reasons={0: "no route", 3: "host unreachable", 4: "port unreachable"},
)
