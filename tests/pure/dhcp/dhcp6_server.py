"""What a DHCPv6 server sends, as bytes."""

from ipaddress import IPv6Address

from lbrouter.compile.dhcp.dhcp6_message import (
    IA_NA_HEADER,
    IAADDR_HEADER,
    OPTION_HEADER,
    Dhcp6MessageType,
    Dhcp6Option,
    link_layer_duid,
)
from tests.kit.dhcp_client import MAC

DUID, SERVER, IAID = link_layer_duid(MAC), b"\0\1\0\1server", 7
LENT = IPv6Address("2001:db8:1::100")
LINK_LOCAL = IPv6Address("fe80::1")


def option(number: int, content: bytes) -> bytes:
    return OPTION_HEADER.pack(number, len(content)) + content


def reply_bytes(
    kind: int = Dhcp6MessageType.REPLY,
    *,
    xid: int = 1,
    lifetimes: tuple[int, int] = (100, 200),
    times: tuple[int, int] = (0, 0),
    address: IPv6Address = LENT,
    iaid: int = IAID,
    inner: bytes = b"",
    within: bytes = b"",
    more: bytes = b"",
) -> bytes:
    lent = option(Dhcp6Option.IAADDR, IAADDR_HEADER.pack(address.packed, *lifetimes) + inner)
    return (
        bytes((kind,))
        + xid.to_bytes(3)
        + option(Dhcp6Option.CLIENT_ID, DUID)
        + option(Dhcp6Option.SERVER_ID, SERVER)
        + option(Dhcp6Option.IA_NA, IA_NA_HEADER.pack(iaid, *times) + lent + within)
        + more
    )


STATUS_2 = option(Dhcp6Option.STATUS_CODE, b"\0\2none left")
