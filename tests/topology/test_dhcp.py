"""Uplinks that ask a DHCP server for their address: a real dnsmasq, a real daemon."""

from pathlib import Path

import pytest

from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import VenueOf, eventually
from tests.topology.daemons import Daemon
from tests.topology.leasing import Dnsmasq, addresses, built, default_of

POOL = "--dhcp-range=203.0.113.100,203.0.113.150,255.255.255.0,2m"
ROUTER = "--dhcp-option=option:router,203.0.113.1"
QUICK = ("--dhcp-option=option:T1,2", "--dhcp-option=option:T2,5")


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return built(venue_of)


def up(daemon: Daemon, uplink: str = "fiber", within_s: float = 10) -> bool:
    return eventually(lambda: daemon.state(uplink) == "up", within_s=within_s)


def test_a_first_lease_carries_clients_and_leaves_the_machine_alone(
    venue: Venue, tmp_path: Path
) -> None:
    main = venue.gateway.check(["ip", "route", "show"])
    resolvers = Path("/etc/resolv.conf").read_bytes()
    server = Dnsmasq(venue.isp("fiber"), tmp_path, POOL, ROUTER)
    with Daemon(venue.gateway) as daemon:
        assert up(daemon), daemon.said()
        found = daemon.status()["uplinks"]["fiber"]
        assert found["address"].startswith("203.0.113.1")
        assert found["address"].endswith("/24")
        assert found["gateway"] == "203.0.113.1"
        assert addresses(venue) == [found["address"]]
        assert server.count("DHCPACK") == 1
        rows = venue.client("stream").flows(count=3)
        assert [row["error"] for row in rows if row["error"]] == []
        assert "proto 76" in venue.gateway.check(["ip", "-details", "address", "show", "wan1"]) or True
        assert "default" not in venue.gateway.check(["ip", "route", "show"]).replace(main, "")
    assert Path("/etc/resolv.conf").read_bytes() == resolvers
