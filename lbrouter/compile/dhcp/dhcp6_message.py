"""DHCPv6 messages of a client that asks for one address (IA_NA), on the wire. RFC 8415, pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv6Address
from struct import Struct
from typing import Final

INFINITE_LIFETIME: Final = 0xFFFFFFFF
DUID_LINK_LAYER: Final = bytes((0, 3, 0, 1))
"""RFC 8415, 11.4: DUID-LL of an Ethernet address."""
OPTION_HEADER: Final = Struct("!HH")
IA_NA_HEADER: Final = Struct("!III")
IAADDR_HEADER: Final = Struct("!16sII")
MAX_DHCP6_OPTIONS: Final = 64
MIN_DUID_BYTES: Final = 3
MAX_DUID_BYTES: Final = 130


class Dhcp6MessageType(IntEnum):
    """Messages that we send or take."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    RENEW = 5
    REBIND = 6
    REPLY = 7


class Dhcp6Option(IntEnum):
    """Options that we send or read."""

    CLIENT_ID = 1
    SERVER_ID = 2
    IA_NA = 3
    IAADDR = 5
    OPTION_REQUEST = 6
    PREFERENCE = 7
    ELAPSED_TIME = 8
    STATUS_CODE = 13
    DNS = 23
    SOL_MAX_RT = 82


class Dhcp6Status(IntEnum):
    """Status codes that we tell apart; what is not known counts as a failure."""

    SUCCESS = 0
    FAILURE = 1
    NO_ADDRESS = 2
    NO_BINDING = 3
    NOT_ON_LINK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LentAddress:
    """An address in an IA_NA, with its lifetimes in seconds (0: not to be used any more)."""

    address: IPv6Address
    preferred_s: int
    valid_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dhcp6Message:
    """One message. `iaid` (32 bits) names the address that is asked for; T1 and T2 in seconds."""

    message_type: Dhcp6MessageType
    xid: int
    client_duid: bytes
    server_duid: bytes = b""
    iaid: int = 0
    t1_s: int = 0
    t2_s: int = 0
    addresses: tuple[LentAddress, ...] = ()
    status: int = Dhcp6Status.SUCCESS
    """The first status code of the message, its IA_NA or an address that is no success."""
    preference: int = 0
    elapsed_s: float = 0.0
    dns: tuple[IPv6Address, ...] = field(default=())


def link_layer_duid(hardware_address: bytes) -> bytes:
    """The identifier of a client by its Ethernet address."""
    return DUID_LINK_LAYER + hardware_address


def encode_dhcp6(message: Dhcp6Message) -> bytes:
    """A message of a client."""
    addresses = b"".join(
        _option(Dhcp6Option.IAADDR, IAADDR_HEADER.pack(each.address.packed, 0, 0))
        for each in message.addresses
    )
    elapsed = min(round(message.elapsed_s * 100), 0xFFFF)
    wanted = (Dhcp6Option.DNS, Dhcp6Option.SOL_MAX_RT)
    options = [
        _option(Dhcp6Option.CLIENT_ID, message.client_duid),
        _option(Dhcp6Option.ELAPSED_TIME, elapsed.to_bytes(2)),
        _option(Dhcp6Option.OPTION_REQUEST, b"".join(each.to_bytes(2) for each in wanted)),
        _option(Dhcp6Option.IA_NA, IA_NA_HEADER.pack(message.iaid, 0, 0) + addresses),
    ]
    if message.server_duid:
        options.insert(1, _option(Dhcp6Option.SERVER_ID, message.server_duid))
    return bytes((message.message_type,)) + message.xid.to_bytes(3) + b"".join(options)


def decode_dhcp6(data: bytes, iaid: int) -> Dhcp6Message | None:
    """A server's message about our `iaid`; None for anything else, or what makes no sense."""
    if len(data) < 4 or data[0] not in (Dhcp6MessageType.ADVERTISE, Dhcp6MessageType.REPLY):
        return None
    options = list(_options(data[4:]))
    client, server = (_first(options, o) for o in (Dhcp6Option.CLIENT_ID, Dhcp6Option.SERVER_ID))
    if not client or not MIN_DUID_BYTES <= len(server) <= MAX_DUID_BYTES:
        return None
    t1_s, t2_s, within = _own_association(options, iaid)
    preference = _first(options, Dhcp6Option.PREFERENCE)
    return Dhcp6Message(
        message_type=Dhcp6MessageType(data[0]),
        xid=int.from_bytes(data[1:4]),
        client_duid=client,
        server_duid=server,
        iaid=iaid,
        t1_s=t1_s,
        t2_s=t2_s,
        addresses=tuple(_lent_addresses(within)),
        status=_status(options) or _status(within),
        preference=preference[0] if len(preference) == 1 else 0,
        dns=tuple(_resolvers(_first(options, Dhcp6Option.DNS))),
    )


def _option(number: int, content: bytes) -> bytes:
    return OPTION_HEADER.pack(number, len(content)) + content


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The options in `data`, up to one that is cut off."""
    at, count = 0, 0
    while at + OPTION_HEADER.size <= len(data) and count < MAX_DHCP6_OPTIONS:
        number, length = OPTION_HEADER.unpack_from(data, at)
        at, count = at + OPTION_HEADER.size + length, count + 1
        if at > len(data):
            return
        yield number, data[at - length : at]


def _first(options: list[tuple[int, bytes]], number: int) -> bytes:
    return next((content for found, content in options if found == number), b"")


def _own_association(
    options: list[tuple[int, bytes]], iaid: int
) -> tuple[int, int, list[tuple[int, bytes]]]:
    """T1, T2 and the options of our IA_NA; nothing where the message has none."""
    for number, content in options:
        if number == Dhcp6Option.IA_NA and len(content) >= IA_NA_HEADER.size:
            found, t1_s, t2_s = IA_NA_HEADER.unpack_from(content)
            if found == iaid:
                return t1_s, t2_s, list(_options(content[IA_NA_HEADER.size :]))
    return 0, 0, []


def _lent_addresses(options: list[tuple[int, bytes]]) -> Iterator[LentAddress]:
    """The addresses that a host can use; none whose lifetimes contradict each other."""
    for number, content in options:
        if number != Dhcp6Option.IAADDR or len(content) < IAADDR_HEADER.size:
            continue
        packed, preferred_s, valid_s = IAADDR_HEADER.unpack_from(content)
        address = IPv6Address(packed)
        within = list(_options(content[IAADDR_HEADER.size :]))
        if preferred_s <= valid_s and _is_usable(address) and not _status(within):
            yield LentAddress(address=address, preferred_s=preferred_s, valid_s=valid_s)


def _is_usable(address: IPv6Address) -> bool:
    wrong = (address.is_multicast, address.is_unspecified, address.is_loopback)
    return not any((*wrong, address.is_link_local, address.ipv4_mapped is not None))


def _status(options: list[tuple[int, bytes]]) -> int:
    """The status code, success where there is none; one that is cut off is a failure."""
    for number, content in options:
        if number == Dhcp6Option.STATUS_CODE:
            return int.from_bytes(content[:2]) if len(content) >= 2 else Dhcp6Status.FAILURE
    return Dhcp6Status.SUCCESS


def _resolvers(content: bytes) -> Iterator[IPv6Address]:
    for at in range(0, len(content) - 15, 16):
        yield IPv6Address(content[at : at + 16])
