"""Rogue DHCP servers and pools that run out: new ones, those that are gone, no report twice."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.dhcp.rogue_servers import (
    RogueOffer,
    RogueServerScan,
    devices_to_query,
    next_scan,
    rogue_server_status,
)
from lbrouter.compile.services.dnsmasq_leases import PoolUsage, pool_changes
from lbrouter.compile.wire.dhcp_message import BOOTP_HEADER, DHCP_MAGIC_COOKIE
from lbrouter.compile.wire.dhcp_packet import IPV4_HEADER, UDP_HEADER
from lbrouter.kernel.l2.dhcp_probe import parse_offer
from tests.kit.builders import TWO_LINES, config_of

VLANS = {"lan1": "stream", "lan2": "guests"}


def offer(mac: str = "02:00:00:00:00:07", interface: str = "lan2") -> RogueOffer:
    return RogueOffer(
        interface=interface,
        mac=mac,
        server=IPv4Address("192.168.1.1"),
        offered=IPv4Address("192.168.1.50"),
    )


def test_we_ask_only_where_addresses_are_ours_to_give() -> None:
    pool = '[vlans.guests.dhcp]\nrange = "10.10.40.20-10.10.43.250"\n'
    assert devices_to_query(config_of(TWO_LINES + pool)) == {"lan2": "guests"}


def test_a_server_comes_once_and_goes_after_two_questions() -> None:
    first = next_scan(RogueServerScan(), [offer(), offer(interface="lan9")], VLANS)
    assert [str(each) for each in first.appeared] == [
        "192.168.1.1 (02:00:00:00:00:07) in VLAN guests",
    ]
    second = next_scan(first, [offer()], VLANS)
    assert (second.appeared, second.disappeared) == ((), ())
    third = next_scan(second, [], VLANS)
    assert (len(third.present), third.disappeared) == (1, ())
    fourth = next_scan(third, [], VLANS)
    assert (len(fourth.present), len(fourth.disappeared)) == (0, 1)


def test_the_status_names_hardware_and_addresses() -> None:
    found = next_scan(RogueServerScan(), [offer()], VLANS)
    assert rogue_server_status(found, "stream") == []
    assert rogue_server_status(found, "guests") == [
        {"mac": "02:00:00:00:00:07", "address": "192.168.1.1", "offers": "192.168.1.50"}
    ]


def test_a_full_pool_is_said_once_and_an_eased_one_too() -> None:
    def pool(used: int) -> dict[str, PoolUsage]:
        return {"guests": PoolUsage(used=used, size=100)}

    first = pool_changes(pool(80), frozenset())
    assert "80 of 100 addresses" in first.messages["guests"]
    assert pool_changes(pool(75), first.nearly_full).messages == {}
    assert pool_changes(pool(81), first.nearly_full).messages == {}
    assert pool_changes(pool(75), frozenset()).nearly_full == frozenset()
    eased = pool_changes(pool(69), first.nearly_full)
    assert (eased.nearly_full, "69 of 100" in eased.messages["guests"]) == (frozenset(), True)
    assert pool_changes({}, first.nearly_full).messages == {
        "guests": "VLAN guests has addresses again"
    }


def dhcp_frame(options: bytes, *, op: int = 2, cookie: bytes = DHCP_MAGIC_COOKIE) -> bytes:
    """A server's frame: Ethernet, IPv4 from 10.0.0.1, UDP to port 68, BOOTP."""
    unset, offered_address = bytes(4), bytes([192, 168, 1, 50])
    body = BOOTP_HEADER.pack(
        op, 1, 6, 0, 1, 0, 0, unset, offered_address, unset, unset, b"", b"", b"", cookie
    )
    datagram = UDP_HEADER.pack(67, 68, UDP_HEADER.size + len(body + options), 0) + body + options
    size = IPV4_HEADER.size + len(datagram)
    head = IPV4_HEADER.pack(0x45, 0, size, 0, 0, 64, 17, 0, bytes([10, 0, 0, 1]), b"\xff" * 4)
    return bytes(6) + bytes.fromhex("020000000007") + b"\x08\x00" + head + datagram


OFFER_OPTIONS = b"\x00\x35\x01\x02\x36\x04\xc0\xa8\x01\x01\xff"


def test_an_offer_is_read_and_nonsense_is_not() -> None:
    assert parse_offer(dhcp_frame(OFFER_OPTIONS), "lan2") == offer()
    bare = parse_offer(dhcp_frame(b"\x35\x01\x02\x36\x02\x01"), "lan2")
    assert bare is not None
    assert bare.server == IPv4Address("10.0.0.1")
    assert parse_offer(dhcp_frame(OFFER_OPTIONS, op=1), "lan2") is None
    assert parse_offer(dhcp_frame(OFFER_OPTIONS, cookie=b"nope"), "lan2") is None
    whole = dhcp_frame(OFFER_OPTIONS)
    assert [parse_offer(whole[:length], "lan2") for length in range(len(whole))] == [None] * len(
        whole
    )


@given(st.binary(max_size=700))
def test_random_bytes_are_no_offer(tail: bytes) -> None:
    assert parse_offer(tail, "lan2") is None
    found = parse_offer(dhcp_frame(OFFER_OPTIONS[:-1] + tail), "lan2")
    assert found is None or found.offered == offer().offered
