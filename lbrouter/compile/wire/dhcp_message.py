"""DHCP messages on the wire (RFC 2131, 2; RFC 2132; RFC 3396). Input is not trusted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from struct import Struct
from typing import Final

BOOTP_HEADER: Final = Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
"""op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file, and
the magic cookie."""

BOOTREQUEST, BOOTREPLY = 1, 2
HTYPE_ETHERNET: Final = 1
BOOTP_BROADCAST_FLAG: Final = 0x8000
DHCP_MAGIC_COOKIE: Final = bytes((99, 130, 83, 99))
UNSPECIFIED_ADDRESS: Final = IPv4Address("0.0.0.0")
MIN_BOOTP_BYTES: Final = 300
"""Bytes of a BOOTP message (RFC 1542, 2.1): old relays drop smaller ones."""

OPTION_PAD, OPTION_END = 0, 255
OVERLOAD_FILE, OVERLOAD_SNAME = 1, 2
"""Bits of the option "overload": more options are in the fields `file` and `sname`."""


class DhcpMessageType(IntEnum):
    """Kinds of message, by option 53."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7


class DhcpOption(IntEnum):
    """Options that we send or read."""

    SUBNET_MASK = 1
    ROUTER = 3
    DNS = 6
    HOSTNAME = 12
    MTU = 26
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    PARAMETER_REQUEST_LIST = 55
    MAX_MESSAGE_SIZE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    CLIENT_ID = 61
    CLASSLESS_STATIC_ROUTES = 121
    """Classless, RFC 3442."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpMessage:
    """One message. `chaddr` is the client's Ethernet address, `ciaddr` its IP address.

    `broadcast` asks the server to answer to all: the client does not receive by its `chaddr`.
    """

    message_type: DhcpMessageType
    xid: int
    chaddr: bytes
    secs: int = 0
    ciaddr: IPv4Address = UNSPECIFIED_ADDRESS
    yiaddr: IPv4Address = UNSPECIFIED_ADDRESS
    broadcast: bool = False
    options: Mapping[int, bytes] = field(default_factory=dict)


def encode(message: DhcpMessage) -> bytes:
    """A client's message, as it goes into a UDP datagram."""
    flags = BOOTP_BROADCAST_FLAG if message.broadcast else 0
    head = BOOTP_HEADER.pack(
        BOOTREQUEST, HTYPE_ETHERNET, len(message.chaddr), 0, message.xid, message.secs, flags,
        message.ciaddr.packed, bytes(4), bytes(4), bytes(4),
        message.chaddr, b"", b"", DHCP_MAGIC_COOKIE,
    )  # fmt: skip
    options = {DhcpOption.MESSAGE_TYPE: bytes((message.message_type,)), **message.options}
    body = b"".join(bytes((number, len(value))) + value for number, value in options.items())
    return (head + body + bytes((OPTION_END,))).ljust(MIN_BOOTP_BYTES, b"\0")


def decode(data: bytes) -> DhcpMessage | None:
    """A server's message; None for data that is not a complete, well-formed one."""
    if len(data) < BOOTP_HEADER.size:
        return None
    op, kind, size, _, xid, secs, flags, client, yours, _, _, hardware, name, file, cookie = (
        BOOTP_HEADER.unpack_from(data)
    )
    if (op, kind, size, cookie) != (BOOTREPLY, HTYPE_ETHERNET, 6, DHCP_MAGIC_COOKIE):
        return None
    # All options; one that comes in several pieces is put together (RFC 3396).
    options: dict[int, bytes] = {}
    for code, value in _iter_options(data[BOOTP_HEADER.size :]):
        options[code] = options.get(code, b"") + value
    overload = int.from_bytes(options.get(DhcpOption.OVERLOAD, b""), "big")
    for bit, more in ((OVERLOAD_FILE, file), (OVERLOAD_SNAME, name)):
        for code, value in _iter_options(more) if overload & bit else ():
            options[code] = options.get(code, b"") + value
    said = options.get(DhcpOption.MESSAGE_TYPE, b"")
    if len(said) != 1 or said[0] not in set(DhcpMessageType):
        return None
    return DhcpMessage(
        message_type=DhcpMessageType(said[0]),
        xid=xid,
        chaddr=hardware[:6],
        secs=secs,
        ciaddr=IPv4Address(client),
        yiaddr=IPv4Address(yours),
        broadcast=bool(flags & BOOTP_BROADCAST_FLAG),
        options=options,
    )


def parse_addresses(value: bytes) -> tuple[IPv4Address, ...]:
    """The addresses in an option; bytes left over at its end are ignored."""
    whole = len(value) - len(value) % 4
    return tuple(IPv4Address(value[at : at + 4]) for at in range(0, whole, 4))


def parse_number(value: bytes | None) -> int | None:
    """An option that is one number (of two or four bytes), else None."""
    return int.from_bytes(value, "big") if value is not None and len(value) in (2, 4) else None


def _iter_options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Codes and values up to the end, or to the first that is cut off."""
    at = 0
    while at < len(data) and data[at] != OPTION_END:
        if data[at] == OPTION_PAD:
            at += 1
            continue
        if at + 1 >= len(data) or at + 2 + data[at + 1] > len(data):
            return
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
