"""DHCP messages on the wire, and the lease of an offer: hostile input, every branch."""

from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.dhcp.client_state import DhcpClientState, client_names
from lbrouter.compile.dhcp.lease_validation import (
    InvalidLeaseError,
    lease_from_message,
)
from lbrouter.compile.dhcp.outgoing_message import build_message
from lbrouter.compile.wire import dhcp_packet as packet
from lbrouter.compile.wire.dhcp_message import (
    BOOTP_HEADER,
    UNSPECIFIED_ADDRESS,
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
    decode,
    encode,
    parse_addresses,
    parse_number,
)
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.dhcp_client import MAC, SERVER, USUAL_OPTIONS, offer


def server_packet(
    message: DhcpMessage, *, op: int = 2, name: bytes = b"", file: bytes = b""
) -> bytes:
    """`message` as a server would send it."""
    fields = list(BOOTP_HEADER.unpack_from(encode(message)))
    fields[0], fields[8], fields[12], fields[13] = op, message.yiaddr.packed, name, file
    return BOOTP_HEADER.pack(*fields) + encode(message)[BOOTP_HEADER.size :]


def test_a_message_survives_the_wire_within_its_packet() -> None:
    sent = offer()
    carried = packet.encode_packet(server_packet(sent), SERVER, UNSPECIFIED_ADDRESS)
    turned = carried[:20] + carried[22:24] + carried[20:22] + carried[24:]  # to port 68
    payload = packet.decode_packet(turned + b"the padding of a short frame")
    assert payload is not None
    found = decode(payload)
    assert found is not None
    assert (found.message_type, found.xid, found.chaddr) == (DhcpMessageType.OFFER, 7, MAC)
    assert found.yiaddr == sent.yiaddr
    assert {k: found.options[k] for k in USUAL_OPTIONS} == USUAL_OPTIONS
    assert internet_checksum(carried[:20]) == 0


def test_what_we_send_is_a_request_of_the_usual_size() -> None:
    data = encode(DhcpMessage(message_type=DhcpMessageType.DISCOVER, xid=1, chaddr=MAC))
    assert (data[0], len(data)) == (1, 300)
    assert decode(data) is None  # a client's message is not for us


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: p[:19],
        lambda p: bytes((0x65,)) + p[1:],  # IPv6
        lambda p: bytes((0x44,)) + p[1:],  # a header of 16 bytes
        lambda p: p[:2] + bytes((255, 255)) + p[4:],  # longer than it is
        lambda p: p[:6] + bytes((0x20, 0)) + p[8:],  # a fragment
        lambda p: p[:9] + bytes((6,)) + p[10:],  # TCP
        lambda p: p[:24] + bytes((0, 7)) + p[26:],  # a datagram shorter than its header
    ],
)
def test_a_packet_that_is_none_of_ours_is_passed_over(damage: object) -> None:
    carried = packet.encode_packet(b"x", SERVER, UNSPECIFIED_ADDRESS)
    turned = carried[:20] + carried[22:24] + carried[20:22] + carried[24:]
    assert packet.decode_packet(turned) == b"x"
    assert callable(damage)
    assert packet.decode_packet(damage(turned)) is None
    assert packet.decode_packet(carried) is None  # to port 67


def test_options_come_in_pieces_and_in_other_fields() -> None:
    long = offer(DNS=bytes(8), OVERLOAD=b"\x03")
    file, name = b"\x00\x06\x04\x01\x01\x01\x01\xff\x06\x04\xff", b"\x1a\x02\x05\x78"
    found = decode(server_packet(long, name=name, file=file))
    assert found is not None
    assert found.options[DhcpOption.DNS] == bytes(8) + b"\x01\x01\x01\x01"
    assert parse_number(found.options[DhcpOption.MTU]) == 1400


@pytest.mark.parametrize("kind", [b"", b"\x63", b"\x02\x02"])
def test_a_kind_that_nobody_knows_is_no_message(kind: bytes) -> None:
    data = server_packet(offer())
    assert decode(data.replace(b"\x35\x01\x02", bytes((53, len(kind))) + kind, 1)) is None


def test_what_is_cut_off_is_not_read() -> None:
    data = server_packet(offer())
    assert decode(data[: BOOTP_HEADER.size - 1]) is None
    assert decode(data[: BOOTP_HEADER.size + 4]) is not None
    assert decode(data[: BOOTP_HEADER.size + 2]) is None
    assert parse_addresses(b"\x01\x02\x03\x04\x05") == (IPv4Address("1.2.3.4"),)
    assert [parse_number(x) for x in (None, b"", b"\x01", b"\x01\x00")] == [None, None, None, 256]


@given(st.binary(max_size=600))
def test_nothing_that_comes_in_ends_the_client(data: bytes) -> None:
    head = server_packet(offer())[: BOOTP_HEADER.size]
    for each in (data, head + data):
        found = decode(each)
        if found is None:
            continue
        with suppress(InvalidLeaseError):
            lease = lease_from_message(
                replace(found, yiaddr=IPv4Address("192.0.2.77")), station="", at=0.0
            )
            assert 0 < lease.renew_at <= lease.rebind_at <= lease.expires_at
            assert lease.address.network.prefixlen
            assert lease.gateway != lease.address.ip
    packet.decode_packet(data)


def test_an_offer_becomes_a_lease() -> None:
    lease = lease_from_message(
        offer(DNS=bytes((9, 9, 9, 9, 0, 0, 0, 0)), MTU=(1400).to_bytes(2)),
        station="02:00:00:00:00:09",
        at=100.0,
    )
    assert (str(lease.address), lease.gateway, lease.server) == ("192.0.2.77/24", SERVER, SERVER)
    assert (lease.dns, lease.mtu) == ((IPv4Address("9.9.9.9"),), 1400)
    assert (lease.renew_at, lease.rebind_at, lease.expires_at) == (1900.0, 3250.0, 3700.0)
    assert lease.kernel_fields == (lease.address, lease.gateway, 1400)


def uint32_bytes(value: int) -> bytes:
    return value.to_bytes(4)


@pytest.mark.parametrize(
    "options, moments",
    [
        ({"RENEWAL_TIME": uint32_bytes(10), "REBINDING_TIME": uint32_bytes(20)}, (10, 20, 3600)),
        ({"RENEWAL_TIME": uint32_bytes(10)}, (10, 3150, 3600)),
        ({"RENEWAL_TIME": uint32_bytes(20), "REBINDING_TIME": uint32_bytes(10)}, (20, 3150, 3600)),
        (
            {"RENEWAL_TIME": uint32_bytes(4000), "REBINDING_TIME": uint32_bytes(5000)},
            (1800, 3150, 3600),
        ),
        ({"LEASE_TIME": b"\xff\xff\xff\xff"}, (inf, inf, inf)),
        ({"LEASE_TIME": b"\xff\xff\xff\xff", "RENEWAL_TIME": uint32_bytes(60)}, (60, inf, inf)),
    ],
)
def test_the_moments_of_a_lease_are_in_order(
    options: dict[str, bytes], moments: tuple[float, ...]
) -> None:
    lease = lease_from_message(offer(**options), station="", at=0.0)
    assert (lease.renew_at, lease.rebind_at, lease.expires_at) == moments


@pytest.mark.parametrize(
    "yours, options, why",
    [
        ("192.0.2.77", {"SUBNET_MASK": bytes(4)}, "the whole internet"),
        ("192.0.2.77", {"SUBNET_MASK": bytes((255, 0, 255, 0))}, "a netmask that is none"),
        ("192.0.2.77", {"SUBNET_MASK": bytes((255, 255))}, "a netmask that is none"),
        ("0.0.0.0", {}, "no host's address"),
        ("127.0.0.1", {}, "no host's address"),
        ("255.255.255.255", {}, "no host's address"),
        ("192.0.2.0", {}, "a reserved address"),
        ("192.0.2.255", {}, "a reserved address"),
        ("192.0.2.77", {"ROUTER": None}, "without a router"),
        ("192.0.2.77", {"ROUTER": bytes(4)}, "which cannot be one"),
        ("192.0.2.1", {}, "which cannot be one"),
        ("192.0.2.77", {"ROUTER": bytes((192, 0, 2, 255))}, "which cannot be one"),
        ("192.0.2.77", {"SERVER_ID": None}, "without saying who"),
        ("192.0.2.77", {"LEASE_TIME": None}, "for no time"),
        ("192.0.2.77", {"LEASE_TIME": bytes(4)}, "for no time"),
    ],
)
def test_nonsense_is_named(yours: str, options: dict[str, bytes | None], why: str) -> None:
    with pytest.raises(InvalidLeaseError, match=why):
        lease_from_message(offer(yours, **options), station="", at=0.0)


def test_a_grant_without_a_server_is_from_the_one_that_was_asked() -> None:
    before = lease_from_message(offer(), station="", at=0.0)
    assert (
        lease_from_message(offer(SERVER_ID=None), station="", at=1.0, previous=before).server
        == SERVER
    )


def test_a_lease_without_a_netmask_is_of_one_host_and_a_tiny_mtu_is_none() -> None:
    lease = lease_from_message(offer(SUBNET_MASK=None, MTU=(68).to_bytes(2)), station="", at=0.0)
    assert (str(lease.address), lease.mtu) == ("192.0.2.77/32", None)


@pytest.mark.parametrize(
    "routes, gateway",
    [
        ("00c00002fe", "192.0.2.254"),  # 0.0.0.0/0
        ("18c63364c0000202" + "00c00002fe", "192.0.2.254"),
        ("18c63364c0000202", "192.0.2.1"),  # no default: the router of option 3
        ("21c63364c0000202" + "00c00002fe", "192.0.2.1"),  # a length of 33
        ("00c000", "192.0.2.1"),  # cut off
    ],
)
def test_classless_routes_come_before_the_router(routes: str, gateway: str) -> None:
    lease = lease_from_message(
        offer(CLASSLESS_STATIC_ROUTES=bytes.fromhex(routes)), station="", at=0.0
    )
    assert str(lease.gateway) == gateway


@pytest.mark.parametrize("broadcast", [True, False])
def test_a_client_that_is_not_there_asks_for_a_broadcast(*, broadcast: bool) -> None:
    asked = DhcpMessage(
        message_type=DhcpMessageType.DISCOVER, xid=1, chaddr=bytes(6), broadcast=broadcast
    )
    data = encode(asked)
    assert data[10:12] == (b"\x80\x00" if broadcast else bytes(2)), "flags of RFC 2131, 2"
    assert decode(bytes([2]) + data[1:]) == replace(asked, options={53: b"\x01"})


def test_the_sender_of_a_packet_is_read() -> None:
    carried = packet.encode_packet(b"x", IPv4Address("192.0.2.9"), IPv4Address("192.0.2.1"))
    assert packet.source_address(carried) == IPv4Address("192.0.2.9")


def test_a_client_says_the_names_that_the_file_gives_it() -> None:
    config = config_of(
        TWO_LINES.replace(
            'address = "198.51.100.2/30"\ngateway = "198.51.100.1"',
            'address = "dhcp"\nhostname = "event-box"\nclient_id = "customer-4711"',
        )
    )
    named = DhcpClientState(names=client_names(config.uplinks["lte"]), hardware_address=MAC)
    options = build_message(named, 0.0).message.options
    assert options[DhcpOption.HOSTNAME] == b"event-box"
    assert options[DhcpOption.CLIENT_ID] == b"\0customer-4711"
    plain = DhcpClientState(names=client_names(config.uplinks["fiber"]), hardware_address=MAC)
    options = build_message(plain, 0.0).message.options
    assert DhcpOption.HOSTNAME not in options
    assert options[DhcpOption.CLIENT_ID] == b"\1" + MAC
