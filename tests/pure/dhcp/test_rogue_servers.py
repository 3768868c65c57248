"""Other DHCP servers and pools that run out: who is new, who has gone, and no word twice."""

from ipaddress import IPv4Address

from lbrouter.compile.dhcp.rogue_servers import Offer, Round, answered, asked, status
from lbrouter.compile.services.dnsmasq_leases import Pool, short
from lbrouter.kernel.l2.dhcp_probe import BOOTP, COOKIE, offered
from tests.kit.builders import TWO_LINES, config_of

VLANS = {"lan1": "stream", "lan2": "guests"}


def offer(mac: str = "02:00:00:00:00:07", interface: str = "lan2") -> Offer:
    return Offer(
        interface=interface,
        mac=mac,
        server=IPv4Address("192.168.1.1"),
        offered=IPv4Address("192.168.1.50"),
    )


def test_we_ask_only_where_addresses_are_ours_to_give() -> None:
    pool = '[vlans.guests.dhcp]\nrange = "10.10.40.20-10.10.43.250"\n'
    assert asked(config_of(TWO_LINES + pool)) == {"lan2": "guests"}


def test_a_server_comes_once_and_goes_after_two_questions() -> None:
    first = answered(Round(), [offer(), offer(interface="lan9")], VLANS)
    assert [str(each) for each in first.came] == [
        "192.168.1.1 (02:00:00:00:00:07) in VLAN guests",
    ]
    second = answered(first, [offer()], VLANS)
    assert (second.came, second.went) == ((), ())
    third = answered(second, [], VLANS)
    assert (len(third.there), third.went) == (1, ())
    fourth = answered(third, [], VLANS)
    assert (len(fourth.there), len(fourth.went)) == (0, 1)


def test_the_status_names_hardware_and_addresses() -> None:
    found = answered(Round(), [offer()], VLANS)
    assert status(found, "stream") == []
    assert status(found, "guests") == [
        {"mac": "02:00:00:00:00:07", "address": "192.168.1.1", "offers": "192.168.1.50"}
    ]


def test_a_full_pool_is_said_once_and_an_eased_one_too() -> None:
    def pool(used: int) -> dict[str, Pool]:
        return {"guests": Pool(used=used, size=100)}

    first = short(pool(80), frozenset())
    assert "80 of 100 addresses" in first.sentences["guests"]
    assert short(pool(75), first.short).sentences == {}
    assert short(pool(81), first.short).sentences == {}
    assert short(pool(75), frozenset()).short == frozenset()
    eased = short(pool(69), first.short)
    assert (eased.short, "69 of 100" in eased.sentences["guests"]) == (frozenset(), True)
    assert short({}, first.short).sentences == {"guests": "VLAN guests has addresses again"}


def frame(options: bytes = b"", *, op: int = 2, cookie: bytes = COOKIE) -> bytes:
    nobody = bytes(4)
    offered_address = bytes([192, 168, 1, 50])
    body = BOOTP.pack(
        op, 1, 6, 0, 1, 0, 0, nobody, offered_address, nobody, nobody, b"", b"", b"", cookie
    )
    head = bytes(6) + bytes.fromhex("020000000007") + b"\x08\x00\x45" + bytes(11)
    return head + bytes([10, 0, 0, 1]) + bytes(4) + bytes(8) + body + options


def test_an_offer_is_read_and_nonsense_is_not() -> None:
    named = offered(frame(b"\x00\x35\x01\x02\x36\x04\xc0\xa8\x01\x01\xff"), "lan2")
    assert named == offer()
    bare = offered(frame(b"\x36\x02\x01"), "lan2")
    assert bare is not None
    assert bare.server == IPv4Address("10.0.0.1")
    assert offered(frame(op=1), "lan2") is None
    assert offered(frame(cookie=b"nope"), "lan2") is None
    assert [offered(frame()[:length], "lan2") for length in (0, 14, 15, 100)] == [None] * 4
