"""What a DHCP server says of its subnet counts for its own line: no other line, no resolver."""

from collections.abc import Mapping
from typing import Any

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import (
    ScriptedDhcpServer,
    build_configured,
    comes_up,
    daemon_status,
    ipv4_addresses,
    uplink_state_text,
)

RESOLVER = "9.9.9.99"
STATIC = file_text(
    "leased",
    fiber(),
    lte(),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show"),
    vlan_text("guests", "lan2", "10.20.40.1/24", "backup"),
    failover_text("show", "fiber", "lte"),
    failover_text("backup", "lte"),
)
LEASED = STATIC.replace(
    'address = "203.0.113.2/30"\ngateway = "203.0.113.1"', 'address = "dhcp"'
).replace('name = "leased"', f'name = "leased"\ndns = ["{RESOLVER}"]')


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """The first line leases; no server answers on it yet."""
    assert LEASED.count("dhcp") == 1
    return build_configured(build_venue, LEASED, layout=STATIC)


def _offer(venue: Venue, **plan: Any) -> ScriptedDhcpServer:
    return ScriptedDhcpServer(venue.isp("fiber"), mode="answer", **plan)


def _own_way(venue: Venue, destination: str) -> str:
    """By which device a packet of the gateway itself leaves for `destination`."""
    words = venue.gateway.check_output(["ip", "route", "get", destination]).split()
    return words[words.index("dev") + 1] if "dev" in words else "local"


def _serves(venue: Venue, client: str) -> bool:
    [row] = venue.client(client).open_flows(count=1)
    return not row["error"]


def test_a_subnet_that_holds_a_resolver_captures_nothing(venue: Venue) -> None:
    """The line has no internet behind it, and then no neighbours either: t06 and t12."""
    _offer(venue, address="9.9.9.50", mask="255.0.0.0", router="9.9.9.1")
    with GatewayDaemon(venue.gateway):
        assert comes_up(venue, "lte")
        assert eventually(lambda: ipv4_addresses(venue) == ["9.9.9.50/8"], within_s=30)
        assert _own_way(venue, RESOLVER) == "wan2"
        assert _own_way(venue, "9.9.9.77") == "wan2"  # it is not fit: its subnet stands nowhere
        assert _own_way(venue, "9.9.9.1") == "wan1"  # but for the modem itself
        # No wall against the guests either, who use the other line: half of the internet is near.
        assert _serves(venue, "guests")
        assert daemon_status(venue)["uplinks"]["fiber"]["state"] != "up"


REFUSED: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"address": RESOLVER, "router": "9.9.9.1"}, "which gateway.dns of this file names"),
    ({"address": "8.8.8.8", "router": "8.8.8.1"}, "which health.targets of this file names"),
    ({"mask": "128.0.0.0"}, "a subnet wider than /8"),
)


def test_what_would_be_another_s_is_refused_by_name(venue: Venue) -> None:
    server = ScriptedDhcpServer(venue.isp("fiber"))  # silent: an earlier lease would be kept
    with GatewayDaemon(venue.gateway):
        for plan, why in REFUSED:
            usual = {"address": "203.0.113.50", "mask": "255.255.255.0", "router": "203.0.113.1"}
            server.set_plan(**{"mode": "answer", **usual, **plan})
            venue.isp("fiber").set_carrier(up=False)
            assert eventually(lambda: uplink_state_text(venue).startswith("down"), within_s=30)
            venue.isp("fiber").set_carrier(up=True)
            assert eventually(lambda w=why: w in uplink_state_text(venue), within_s=30), plan  # type: ignore[misc]
            assert ipv4_addresses(venue) == []


def test_a_hotel_s_wide_lease_is_used_and_its_vlans_are_named(venue: Venue) -> None:
    """10.0.0.0/8 holds both VLANs; their routes are longer, and neither is hit."""
    isp = venue.isp("fiber")
    isp.check_output(["ip", "address", "add", "10.0.0.1/8", "dev", "line"])
    _offer(venue, address="10.37.2.50", mask="255.0.0.0", router="10.0.0.1")
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: ipv4_addresses(venue) == ["10.37.2.50/8"], within_s=30)
        assert eventually(
            lambda: any(
                "holds the VLANs stream, guests" in e["text"] for e in daemon.events("lease")
            )
        )
        assert comes_up(venue, "lte")
        assert _serves(venue, "guests")
        assert _own_way(venue, "10.10.10.10") == "lan1"


def test_a_lease_that_hits_two_vlans_names_both(venue: Venue) -> None:
    _offer(venue, address="10.10.10.77", mask="255.255.255.0", router="10.20.40.1")
    with GatewayDaemon(venue.gateway):
        for word in ("10.10.10.0/24 of VLAN stream", "10.20.40.0/24 of VLAN guests", "free: "):
            assert eventually(lambda w=word: w in uplink_state_text(venue), within_s=30)  # type: ignore[misc]
