"""DHCP servers that vanish, refuse, or offer what cannot be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import (
    DnsmasqServer,
    ScriptedDhcpServer,
    build_configured,
    comes_up,
    default_route,
    ipv4_addresses,
    uplink_state_text,
)

BAD_OFFERS: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"options": {"3": None}}, "203.0.113.50/24 without a router"),
    ({"mask": "0.0.0.0"}, "the whole internet"),
    ({"options": {"1": "ffff00ff"}}, "a netmask that is none"),
    ({"address": "0.0.0.0"}, "0.0.0.0, which is no host's address"),
    ({"address": "255.255.255.255"}, "which is no host's address"),
    ({"address": "203.0.113.255"}, "a reserved address of 203.0.113.0/24"),
    ({"router": "203.0.113.50"}, "which cannot be one"),
    ({"address": "10.10.10.1", "router": "10.10.10.9"}, "10.10.10.0/24 of VLAN stream"),
    ({"address": "10.10.40.77", "router": "10.10.40.1"}, '"10.10.41.1/24" is free'),
    ({"lease": 0}, "for no time at all"),
)


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_configured(build_venue)


def test_nonsense_is_refused_by_name_and_the_first_good_offer_is_taken(
    venue: Venue, tmp_path: Path
) -> None:
    server = ScriptedDhcpServer(venue.isp("fiber"))
    with GatewayDaemon(venue.gateway):
        said = "waiting: no DHCP server answers on wan1 since "
        assert eventually(lambda: uplink_state_text(venue).startswith(said), within_s=30), (
            uplink_state_text(venue)
        )
        usual = {"address": "203.0.113.50", "mask": "255.255.255.0", "router": "203.0.113.1"}
        for plan, why in BAD_OFFERS:
            server.set_plan(**{"mode": "answer", "lease": 3600, "options": {}, **usual, **plan})
            replug(venue)
            assert eventually(lambda w=why: w in uplink_state_text(venue), within_s=30), (
                plan,
                uplink_state_text(venue),
            )  # type: ignore[misc]
            assert (ipv4_addresses(venue), default_route(venue)) == ([], "")
        assert [row["kind"] for row in server.log()].count(3) == 0  # nothing was asked for
        # Two servers on the line: the one with a usable offer is asked, in either order.
        DnsmasqServer(venue.isp("fiber"), tmp_path, "--dhcp-range=203.0.113.80,203.0.113.89,2m")
        replug(venue)
        assert eventually(lambda: ipv4_addresses(venue) != [], within_s=30)
        assert ipv4_addresses(venue)[0].startswith("203.0.113.8")
        assert comes_up(venue)


def replug(venue: Venue) -> None:
    """The client starts again at once. A break that is too short to be seen counts as none."""
    venue.isp("fiber").set_carrier(up=False)
    assert eventually(lambda: uplink_state_text(venue).startswith("down"), within_s=30)
    venue.isp("fiber").set_carrier(up=True)


def test_a_lease_ends_when_its_server_is_gone_and_comes_back_with_it(venue: Venue) -> None:
    server = ScriptedDhcpServer(venue.isp("fiber"), mode="answer", lease=4)
    with GatewayDaemon(venue.gateway):
        assert comes_up(venue), uplink_state_text(venue)
        assert venue.uplink_of(venue.client("stream").open_flows(count=1)[0]["seen"]) is None
        kept = venue.client("guests").hold_connections(count=2, interval_ms=50)
        server.set_plan(mode="silent")
        assert eventually(lambda: ipv4_addresses(venue) == [], within_s=30)
        assert eventually(
            lambda: uplink_state_text(venue).startswith("waiting: no DHCP server answers"),
            within_s=30,
        )
        row = venue.client("stream").open_flows(count=1)[0]
        assert venue.uplink_of(row["seen"]) == "lte"
        kinds = [(row["kind"], row["from"]) for row in server.log()]
        assert (3, "203.0.113.50") in kinds  # it tried to renew, from the address itself
        # A next hop outside of the subnet, and an address without a subnet: both are accepted.
        server.set_plan(mode="answer", lease=600, address="203.0.113.51", mask="255.255.255.255")
        assert eventually(lambda: ipv4_addresses(venue) == ["203.0.113.51/32"], within_s=30)
        route = "via 203.0.113.1 dev wan1 proto 76 src 203.0.113.51 onlink"
        assert eventually(lambda: route in default_route(venue), within_s=10)  # after the address
        assert comes_up(venue)
        assert [row["error"] for row in kept.stop() if row["error"]] == []


def test_garbage_and_a_refusal_end_nothing(venue: Venue) -> None:
    isp = venue.isp("fiber")
    server = ScriptedDhcpServer(
        isp, mode="answer", options={"58": "00000002", "59": "00000005"}, lease=600
    )
    with GatewayDaemon(venue.gateway) as daemon:
        assert comes_up(venue), uplink_state_text(venue)
        server.set_plan(options={"53": "63"})  # no such kind of message
        flood_dhcp(venue)
        asked = len(server.log())
        assert eventually(lambda: len(server.log()) > asked, within_s=30)
        assert ipv4_addresses(venue) == ["203.0.113.50/24"]
        server.set_plan(mode="nak", options={})
        assert eventually(lambda: ipv4_addresses(venue) == [], within_s=30)
        assert eventually(
            lambda: "an address and then refuses it" in uplink_state_text(venue), within_s=30
        )
        server.set_plan(mode="answer")
        assert eventually(lambda: ipv4_addresses(venue) == ["203.0.113.50/24"], within_s=30)
        assert not daemon.has_logged("DHCP client of fiber failed"), daemon.log_text()


FLOOD_SCRIPT = """
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"line")
for size in range(0, 1400, 7):
    s.sendto(os.urandom(size), ("255.255.255.255", 68))
"""


def flood_dhcp(venue: Venue) -> None:
    venue.isp("fiber").check_output(["python3", "-c", FLOOD_SCRIPT])
