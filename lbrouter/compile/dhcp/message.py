"""DHCP messages on the wire (RFC 2131, 2; RFC 2132; RFC 3396). Whatever comes in is hostile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from struct import Struct
from typing import Final

HEADER: Final = Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
"""op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file, and
the magic cookie."""

REQUEST, REPLY = 1, 2
ETHERNET: Final = 1
COOKIE: Final = bytes((99, 130, 83, 99))
NOBODY: Final = IPv4Address("0.0.0.0")
SMALLEST: Final = 300
"""Bytes of a BOOTP message (RFC 1542, 2.1): old relays drop smaller ones."""

PAD, END = 0, 255
IN_FILE, IN_NAME = 1, 2
"""Bits of the option "overload": more options stand in the fields `file` and `sname`."""


class Kind(IntEnum):
    """Kinds of message, by option 53."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7


class Option(IntEnum):
    """Options that we send or read."""

    MASK = 1
    ROUTER = 3
    DNS = 6
    MTU = 26
    REQUESTED = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    KIND = 53
    SERVER = 54
    WANTED = 55
    LARGEST = 57
    RENEWAL = 58
    REBINDING = 59
    CLIENT = 61
    STATIC_ROUTES = 121
    """Classless, RFC 3442."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `hardware` is the client's Ethernet address, `client` its address (ciaddr)."""

    kind: Kind
    xid: int
    hardware: bytes
    secs: int = 0
    client: IPv4Address = NOBODY
    yours: IPv4Address = NOBODY
    options: Mapping[int, bytes] = field(default_factory=dict)


def encode(message: Message) -> bytes:
    """A client's message, as it goes into a UDP datagram."""
    head = HEADER.pack(
        REQUEST, ETHERNET, len(message.hardware), 0, message.xid, message.secs, 0,
        message.client.packed, bytes(4), bytes(4), bytes(4),
        message.hardware, b"", b"", COOKIE,
    )  # fmt: skip
    options = {Option.KIND: bytes((message.kind,)), **message.options}
    body = b"".join(bytes((number, len(value))) + value for number, value in options.items())
    return (head + body + bytes((END,))).ljust(SMALLEST, b"\0")


def decode(data: bytes) -> Message | None:
    """A server's message; None for anything that is not one, whole and well formed."""
    if len(data) < HEADER.size:
        return None
    op, kind, size, _, xid, secs, _, client, yours, _, _, hardware, name, file, cookie = (
        HEADER.unpack_from(data)
    )
    if (op, kind, size, cookie) != (REPLY, ETHERNET, 6, COOKIE):
        return None
    options = _options(data[HEADER.size :], name, file)
    said = options.get(Option.KIND, b"")
    if len(said) != 1 or said[0] not in set(Kind):
        return None
    return Message(
        kind=Kind(said[0]),
        xid=xid,
        hardware=hardware[:6],
        secs=secs,
        client=IPv4Address(client),
        yours=IPv4Address(yours),
        options=options,
    )


def addresses(value: bytes) -> tuple[IPv4Address, ...]:
    """The addresses in an option; what is left over at its end is nothing."""
    whole = len(value) - len(value) % 4
    return tuple(IPv4Address(value[at : at + 4]) for at in range(0, whole, 4))


def number(value: bytes | None) -> int | None:
    """An option that is one number (of two or four bytes), None where it is absent or neither."""
    return int.from_bytes(value, "big") if value is not None and len(value) in (2, 4) else None


def _options(tail: bytes, name: bytes, file: bytes) -> dict[int, bytes]:
    """All options; one that comes in several pieces is put together (RFC 3396)."""
    found: dict[int, bytes] = {}
    for code, value in _pieces(tail):
        found[code] = found.get(code, b"") + value
    overload = int.from_bytes(found.get(Option.OVERLOAD, b""), "big")
    for bit, more in ((IN_FILE, file), (IN_NAME, name)):
        for code, value in _pieces(more) if overload & bit else ():
            found[code] = found.get(code, b"") + value
    return found


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Codes and values up to the end, or to the first that is cut off."""
    at = 0
    while at < len(data) and data[at] != END:
        if data[at] == PAD:
            at += 1
            continue
        if at + 1 >= len(data) or at + 2 + data[at + 1] > len(data):
            return
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
