"""Rogue DHCP servers and pools that run out: new ones, those that are gone, no report twice."""

from ipaddress import IPv4Address

from lbrouter.compile.dhcp.rogue_servers import (
    RogueOffer,
    RogueServerScan,
    devices_to_query,
    next_scan,
    rogue_server_status,
)
from lbrouter.compile.services.dnsmasq_leases import PoolUsage, pool_changes
from lbrouter.kernel.l2.dhcp_probe import BOOTP_MESSAGE, DHCP_MAGIC_COOKIE, parse_offer
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


def dhcp_frame(options: bytes = b"", *, op: int = 2, cookie: bytes = DHCP_MAGIC_COOKIE) -> bytes:
    unspecified = bytes(4)
    offered_address = bytes([192, 168, 1, 50])
    body = BOOTP_MESSAGE.pack(
        op,
        1,
        6,
        0,
        1,
        0,
        0,
        unspecified,
        offered_address,
        unspecified,
        unspecified,
        b"",
        b"",
        b"",
        cookie,
    )
    head = bytes(6) + bytes.fromhex("020000000007") + b"\x08\x00\x45" + bytes(11)
    return head + bytes([10, 0, 0, 1]) + bytes(4) + bytes(8) + body + options


def test_an_offer_is_read_and_nonsense_is_not() -> None:
    named = parse_offer(dhcp_frame(b"\x00\x35\x01\x02\x36\x04\xc0\xa8\x01\x01\xff"), "lan2")
    assert named == offer()
    bare = parse_offer(dhcp_frame(b"\x36\x02\x01"), "lan2")
    assert bare is not None
    assert bare.server == IPv4Address("10.0.0.1")
    assert parse_offer(dhcp_frame(op=1), "lan2") is None
    assert parse_offer(dhcp_frame(cookie=b"nope"), "lan2") is None
    assert [parse_offer(dhcp_frame()[:length], "lan2") for length in (0, 14, 15, 100)] == [None] * 4
