"""DHCPv6 messages on the wire: what a server sends, and hostile input."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.dhcp import dhcp6_packet
from lbrouter.compile.dhcp.dhcp6_message import (
    Dhcp6Message,
    Dhcp6MessageType,
    Dhcp6Option,
    LentAddress,
    decode_dhcp6,
)
from lbrouter.compile.dhcp.dhcp6_packet import decode_dhcp6_packet, encode_dhcp6_packet
from tests.pure.dhcp.dhcp6_server import (
    DUID,
    IAID,
    LENT,
    LINK_LOCAL,
    SERVER,
    STATUS_2,
    option,
    reply_bytes,
)


def test_a_message_is_read_as_the_server_wrote_it() -> None:
    dns = option(Dhcp6Option.DNS, IPv6Address("2001:db8::53").packed + b"cut")
    found = decode_dhcp6(
        reply_bytes(times=(30, 60), more=dns + option(Dhcp6Option.PREFERENCE, b"\xff")), IAID
    )
    assert found == Dhcp6Message(
        message_type=Dhcp6MessageType.REPLY,
        xid=1,
        client_duid=DUID,
        server_duid=SERVER,
        iaid=IAID,
        t1_s=30,
        t2_s=60,
        addresses=(LentAddress(address=LENT, preferred_s=100, valid_s=200),),
        preference=255,
        dns=(IPv6Address("2001:db8::53"),),
    )


@pytest.mark.parametrize(
    "data, addresses, status",
    [
        (reply_bytes(iaid=8), 0, 0),
        (reply_bytes(lifetimes=(200, 100)), 0, 0),
        (reply_bytes(address=IPv6Address("ff02::1")), 0, 0),
        (reply_bytes(address=IPv6Address("fe80::7")), 0, 0),
        (reply_bytes(address=IPv6Address("::ffff:192.0.2.1")), 0, 0),
        (reply_bytes(inner=STATUS_2), 0, 0),
        (reply_bytes(within=STATUS_2), 1, 2),
        (reply_bytes(more=STATUS_2), 1, 2),
        (reply_bytes(more=option(Dhcp6Option.STATUS_CODE, b"\0")), 1, 1),
        (reply_bytes(more=option(Dhcp6Option.STATUS_CODE, b"\0\0")), 1, 0),
        (reply_bytes(more=b"\0\7\0\377"), 1, 0),
        (reply_bytes(within=option(Dhcp6Option.IAADDR, b"short")), 1, 0),
        (reply_bytes()[:-40] + option(Dhcp6Option.IA_NA, b"short"), 0, 0),
    ],
)
def test_what_no_host_can_use_is_left_out(data: bytes, addresses: int, status: int) -> None:
    found = decode_dhcp6(data, IAID)
    assert found is not None
    assert (len(found.addresses), found.status) == (addresses, status)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\7\0",
        reply_bytes(Dhcp6MessageType.SOLICIT),
        bytes((7, 0, 0, 1)) + option(Dhcp6Option.CLIENT_ID, DUID),
        bytes((7, 0, 0, 1)) + option(Dhcp6Option.SERVER_ID, SERVER),
        bytes((7, 0, 0, 1)) + option(1, DUID) + option(2, b"x" * 131),
    ],
)
def test_what_is_no_message_of_a_server_is_ignored(data: bytes) -> None:
    assert decode_dhcp6(data, IAID) is None


@given(noise=st.binary(max_size=300), at=st.integers(0, 120))
def test_no_bytes_make_the_decoder_fail(noise: bytes, at: int) -> None:
    decode_dhcp6(noise, IAID)
    decode_dhcp6(reply_bytes()[:at] + noise, IAID)
    decode_dhcp6_packet(noise)


def test_a_packet_has_the_ports_and_the_checksum_of_rfc_8200() -> None:
    packet = encode_dhcp6_packet(b"message", LINK_LOCAL)
    assert packet[40:44] == bytes.fromhex("02220223")
    pseudo = packet[8:40] + (15).to_bytes(4) + (17).to_bytes(4)
    assert dhcp6_packet.internet_checksum(pseudo + packet[40:]) == 0
    answer = packet[:40] + bytes.fromhex("02230222") + packet[44:]
    assert decode_dhcp6_packet(answer) == b"message"
    assert decode_dhcp6_packet(packet) is None
    assert decode_dhcp6_packet(answer[:-1]) is None
    assert decode_dhcp6_packet(b"\x40" + answer[1:]) is None
    assert decode_dhcp6_packet(answer[:8] + b"\x20" + answer[9:]) is None
    assert decode_dhcp6_packet(answer[:6] + b"\x06" + answer[7:]) is None
    assert decode_dhcp6_packet(answer[:44] + b"\0\7" + answer[46:]) is None
