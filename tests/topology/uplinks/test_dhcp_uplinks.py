"""Uplinks that ask a DHCP server for their address: a real dnsmasq, a real daemon."""

import json
import sys
from pathlib import Path

import pytest

from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab.hosts import Gateway
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import FAST, Daemon
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.daemon.test_reconcile_loop import NO_NEW_CODE, RIGHTS
from tests.topology.uplinks.dhcp_uplinks import (
    Dnsmasq,
    addresses,
    built,
    default_of,
    is_up,
    reason,
    status,
)

POOL = "--dhcp-range=203.0.113.100,203.0.113.150,255.255.255.0,2m"
OTHER_POOL = "--dhcp-range=203.0.113.60,203.0.113.69,255.255.255.0,2m"
ROUTER = "--dhcp-option=option:router,203.0.113.1"
QUICK = ("--dhcp-option=option:T1,2", "--dhcp-option=option:T2,5")

ONLY_IN_PUBLIC = """
table inet deaf {
    chain prerouting {
        type filter hook prerouting priority 0;
        ip daddr 203.0.113.1 udp dport 67 drop
    }
}
"""


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return built(venue_of)


def main_table(gateway: Gateway) -> str:
    """What stands in `main` beside the VLANs' own subnets."""
    rows = gateway.check(["ip", "route", "show", "table", "main"]).splitlines()
    return "\n".join(row for row in rows if not row.startswith("10.10."))


def test_a_lease_is_fetched_renewed_confirmed_and_taken_over(venue: Venue, tmp_path: Path) -> None:
    gateway, isp = venue.gateway, venue.isp("fiber")
    resolvers = Path("/etc/resolv.conf").read_bytes()
    done = gateway.lbrouter("apply")
    assert done.returncode == Exit.DONE
    found = json.loads(succeeded(gateway.lbrouter("status", "--json")))["uplinks"]["fiber"]
    assert found["state"] == "waiting"
    assert found["reason"] == "no DHCP lease on wan1: the daemon asks for one (lbrouter run)"
    server = Dnsmasq(isp, tmp_path, POOL, ROUTER, *QUICK)
    with Daemon(gateway) as daemon:
        assert is_up(venue), daemon.said()
        found = status(venue)["uplinks"]["fiber"]
        address = found["address"]
        assert (found["gateway"], addresses(venue)) == ("203.0.113.1", [address])

        acks = server.count("DHCPACK")
        assert eventually(lambda: server.count("DHCPACK") > acks, within_s=30)  # a renewal
        acks = server.count("DHCPACK")
        isp.carrier(up=False)
        assert eventually(lambda: reason(venue).startswith("down"))
        isp.carrier(up=True)
        assert eventually(lambda: server.count("DHCPACK") > acks, within_s=30)
        assert server.count("DHCPDISCOVER") == 1
        assert is_up(venue)

        held = venue.client("stream").hold(count=3, interval_ms=50)
        daemon.kill()
        daemon.start()
        assert eventually(daemon.serves, within_s=30)
        assert is_up(venue)
        assert server.count("DHCPDISCOVER") == 1
        assert addresses(venue) == [address]
        assert [row["error"] for row in held.stop() if row["error"]] == []
        assert not daemon.events("repair"), daemon.said()
        assert main_table(gateway) == ""
    done = gateway.lbrouter("plan")
    assert done.returncode == Exit.DONE, done.stdout
    succeeded(gateway.lbrouter("down"))
    assert addresses(venue) == []
    assert Path("/etc/resolv.conf").read_bytes() == resolvers


def test_a_change_costs_only_the_flows_that_it_must(venue: Venue, tmp_path: Path) -> None:
    isp = venue.isp("fiber")
    isp.check(["ip", "address", "add", "203.0.113.254/24", "dev", "line"])
    server = Dnsmasq(isp, tmp_path, POOL, ROUTER, *QUICK)
    with Daemon(venue.gateway) as daemon:
        assert is_up(venue), daemon.said()
        first = addresses(venue)
        mine = venue.client("stream").hold(count=3, interval_ms=50, timeout_ms=20_000)
        others = venue.client("guests").hold(count=3, interval_ms=50, timeout_ms=20_000)

        # Option 121 names another router than option 3, and a smaller MTU comes with it.
        routes = "--dhcp-option=121,192.0.2.0/24,203.0.113.1,0.0.0.0/0,203.0.113.254"
        server.job.process.kill()
        server.start(POOL, ROUTER, routes, "--dhcp-option=26,1400", *QUICK)
        assert eventually(lambda: "via 203.0.113.254" in default_of(venue), within_s=30)
        assert "mtu 1400" in default_of(venue)
        assert addresses(venue) == first
        rows = mine.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        print("gateway changed, flows over it:", [row["max_gap_ms"] for row in rows])

        # Another server, with a memory and a pool of its own: it refuses the old address.
        mine = venue.client("stream").hold(count=3, interval_ms=50, timeout_ms=20_000)
        server.restart(OTHER_POOL, ROUTER, *QUICK)
        assert eventually(lambda: addresses(venue)[:1] not in ([], first), within_s=30)
        [second] = addresses(venue)
        assert second.startswith("203.0.113.6")
        assert eventually(lambda: "via 203.0.113.1 " in default_of(venue))
        assert is_up(venue)
        rows = venue.client("stream").flows(count=2)
        assert {row["seen"] for row in rows} == {second.partition("/")[0]}
        assert all(row["error"] for row in mine.stop())
        rows = others.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        print("address changed, flows over the other line:", [row["max_gap_ms"] for row in rows])
        assert len(daemon.events("lease")) == 4, daemon.events("lease")


def test_whoever_is_there_renews_when_the_own_server_is_silent(
    venue: Venue, tmp_path: Path
) -> None:
    isp = venue.isp("fiber")
    server = Dnsmasq(isp, tmp_path, POOL, ROUTER, *QUICK)
    with Daemon(venue.gateway) as daemon:
        assert is_up(venue), daemon.said()
        first = addresses(venue)
        isp.check(["nft", "-f", "-"], stdin=ONLY_IN_PUBLIC)
        server.restart(POOL, ROUTER, *QUICK)
        acks = server.count("DHCPACK")
        assert eventually(lambda: server.count("DHCPACK") > acks, within_s=30)
        assert (addresses(venue), server.count("DHCPDISCOVER")) == (first, 1)


TWINS = (
    FAST
    + """
[gateway]
name = "twins"

[uplinks.a]
interface = "wan1"
address = "192.168.1.50/24"
gateway = "192.168.1.1"

[uplinks.b]
interface = "wan2"
address = "192.168.1.50/24"
gateway = "192.168.1.1"

[vlans.guests]
port = "lan1"
address = "10.10.40.1/24"
policy = "both"

[policies.both]
mode = "balance"
uplinks = ["a", "b"]
sticky = "0s"
"""
)
LEASED_TWINS = TWINS.replace(
    'address = "192.168.1.50/24"\ngateway = "192.168.1.1"', 'address = "dhcp"'
)


def test_two_lines_lease_the_same_address_by_the_same_gateway(
    venue_of: VenueOf, tmp_path: Path
) -> None:
    venue = built(venue_of, LEASED_TWINS, layout=TWINS)
    pool = "--dhcp-range=192.168.1.50,192.168.1.50,255.255.255.0,2m"
    servers = [Dnsmasq(venue.isp(name), tmp_path, pool, *QUICK) for name in ("a", "b")]
    succeeded(venue.gateway.lbrouter("apply"))  # what the kernel can do is known from here on
    with Daemon(venue.gateway, wrapper=[*RIGHTS, sys.executable, "-c", NO_NEW_CODE]) as daemon:
        assert is_up(venue, "a", "b"), daemon.said()
        assert addresses(venue, "wan1") == addresses(venue, "wan2") == ["192.168.1.50/24"]
        acks = [server.count("DHCPACK") for server in servers]
        rows = venue.client("guests").flows(count=200)
        assert [row["error"] for row in rows if row["error"]] == []
        taken = [venue.uplink_of(row["seen"]) for row in rows]
        assert {name: taken.count(name) for name in ("a", "b")} == {"a": 100, "b": 100}
        for server, before in zip(servers, acks, strict=True):
            assert eventually(lambda s=server, n=before: s.count("DHCPACK") > n, within_s=30)  # type: ignore[misc]
            assert server.count("DHCPDISCOVER") == 1
        assert not daemon.says("trouble"), daemon.said()
