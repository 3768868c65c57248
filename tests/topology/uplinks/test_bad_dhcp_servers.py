"""DHCP servers that vanish, refuse, or offer what no host could use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually
from tests.topology.uplinks.dhcp_uplinks import (
    Dnsmasq,
    Told,
    addresses,
    built,
    default_of,
    is_up,
    reason,
)

NONSENSE: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"options": {"3": None}}, "203.0.113.50/24 without a router"),
    ({"mask": "0.0.0.0"}, "the whole internet"),
    ({"options": {"1": "ffff00ff"}}, "a netmask that is none"),
    ({"address": "0.0.0.0"}, "0.0.0.0, which is no host's address"),
    ({"address": "255.255.255.255"}, "which is no host's address"),
    ({"address": "203.0.113.255"}, "which 203.0.113.0/24 keeps for itself"),
    ({"router": "203.0.113.50"}, "which cannot be one"),
    ({"address": "10.10.10.1", "router": "10.10.10.9"}, "10.10.10.0/24 of VLAN stream"),
    ({"address": "10.10.40.77", "router": "10.10.40.1"}, '"10.10.41.1/24" is free'),
    ({"lease": 0}, "for no time at all"),
)


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return built(venue_of)


def test_nonsense_is_refused_by_name_and_the_first_good_offer_is_taken(
    venue: Venue, tmp_path: Path
) -> None:
    server = Told(venue.isp("fiber"))
    with Daemon(venue.gateway):
        said = "waiting: no DHCP server answers on wan1 since "
        assert eventually(lambda: reason(venue).startswith(said), within_s=30), reason(venue)
        usual = {"address": "203.0.113.50", "mask": "255.255.255.0", "router": "203.0.113.1"}
        for plan, why in NONSENSE:
            server.tell(**{"mode": "answer", "lease": 3600, "options": {}, **usual, **plan})
            replug(venue)
            assert eventually(lambda w=why: w in reason(venue), within_s=30), (plan, reason(venue))  # type: ignore[misc]
            assert (addresses(venue), default_of(venue)) == ([], "")
        assert [row["kind"] for row in server.log()].count(3) == 0  # nothing was asked for
        # Two servers on the line: who offers something of use is asked, whoever is first.
        Dnsmasq(venue.isp("fiber"), tmp_path, "--dhcp-range=203.0.113.80,203.0.113.89,2m")
        replug(venue)
        assert eventually(lambda: addresses(venue) != [], within_s=30)
        assert addresses(venue)[0].startswith("203.0.113.8")
        assert is_up(venue)


def replug(venue: Venue) -> None:
    """The client begins anew at once. A break that nobody sees is none."""
    venue.isp("fiber").carrier(up=False)
    assert eventually(lambda: reason(venue).startswith("down"), within_s=30)
    venue.isp("fiber").carrier(up=True)


def test_a_lease_ends_when_its_server_is_gone_and_comes_back_with_it(venue: Venue) -> None:
    server = Told(venue.isp("fiber"), mode="answer", lease=4)
    with Daemon(venue.gateway):
        assert is_up(venue), reason(venue)
        assert venue.uplink_of(venue.client("stream").flows(count=1)[0]["seen"]) is None
        kept = venue.client("guests").hold(count=2, interval_ms=50)
        server.tell(mode="silent")
        assert eventually(lambda: addresses(venue) == [], within_s=30)
        assert eventually(
            lambda: reason(venue).startswith("waiting: no DHCP server answers"), within_s=30
        )
        row = venue.client("stream").flows(count=1)[0]
        assert venue.uplink_of(row["seen"]) == "lte"
        kinds = [(row["kind"], row["from"]) for row in server.log()]
        assert (3, "203.0.113.50") in kinds  # it tried to renew, from the address itself
        # A next hop outside of the subnet, an address of its own: both as the line wants it.
        server.tell(mode="answer", lease=600, address="203.0.113.51", mask="255.255.255.255")
        assert eventually(lambda: addresses(venue) == ["203.0.113.51/32"], within_s=30)
        route = "via 203.0.113.1 dev wan1 proto 76 src 203.0.113.51 onlink"
        assert eventually(lambda: route in default_of(venue), within_s=10)  # after the address
        assert is_up(venue)
        assert [row["error"] for row in kept.stop() if row["error"]] == []


def test_garbage_and_a_refusal_end_nothing(venue: Venue) -> None:
    isp = venue.isp("fiber")
    server = Told(isp, mode="answer", options={"58": "00000002", "59": "00000005"}, lease=600)
    with Daemon(venue.gateway) as daemon:
        assert is_up(venue), reason(venue)
        server.tell(options={"53": "63"})  # no such kind of message
        flood(venue)
        asked = len(server.log())
        assert eventually(lambda: len(server.log()) > asked, within_s=30)
        assert addresses(venue) == ["203.0.113.50/24"]
        server.tell(mode="nak", options={})
        assert eventually(lambda: addresses(venue) == [], within_s=30)
        assert eventually(lambda: "an address and then refuses it" in reason(venue), within_s=30)
        server.tell(mode="answer")
        assert eventually(lambda: addresses(venue) == ["203.0.113.50/24"], within_s=30)
        assert not daemon.says("DHCP client of fiber failed"), daemon.said()


FLOOD = """
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"line")
for size in range(0, 1400, 7):
    s.sendto(os.urandom(size), ("255.255.255.255", 68))
"""


def flood(venue: Venue) -> None:
    venue.isp("fiber").check(["python3", "-c", FLOOD])
