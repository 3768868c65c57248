"""Uplinks that ask a DHCP server for their address: a real dnsmasq, a real daemon."""

import json
import sys
from pathlib import Path

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.programs import NO_EXEC_MEMORY_SCRIPT, UNIT_RIGHTS_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import (
    DnsmasqServer,
    build_configured,
    comes_up,
    daemon_status,
    default_route,
    ipv4_addresses,
    uplink_state_text,
)

POOL = "--dhcp-range=203.0.113.100,203.0.113.150,255.255.255.0,2m"
OTHER_POOL = "--dhcp-range=203.0.113.60,203.0.113.69,255.255.255.0,2m"
ROUTER_OPTION = "--dhcp-option=option:router,203.0.113.1"
SHORT_LEASE_OPTIONS = ("--dhcp-option=option:T1,2", "--dhcp-option=option:T2,5")

BROADCAST_ONLY_RULES = """
table inet deaf {
    chain prerouting {
        type filter hook prerouting priority 0;
        ip daddr 203.0.113.1 udp dport 67 drop
    }
}
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_configured(build_venue)


def main_table(gateway: GatewayHost) -> str:
    """Routes in `main`, without the VLANs' own subnets."""
    rows = gateway.check_output(["ip", "route", "show", "table", "main"]).splitlines()
    return "\n".join(row for row in rows if not row.startswith("10.10."))


def test_a_lease_is_fetched_renewed_confirmed_and_taken_over(venue: Venue, tmp_path: Path) -> None:
    gateway, isp = venue.gateway, venue.isp("fiber")
    resolvers = Path("/etc/resolv.conf").read_bytes()
    done = gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.DONE
    found = json.loads(require_success(gateway.run_lbrouter("status", "--json")))["uplinks"][
        "fiber"
    ]
    assert found["state"] == "waiting"
    assert found["reason"] == "no DHCP lease on wan1: the daemon asks for one (lbrouter run)"
    server = DnsmasqServer(isp, tmp_path, POOL, ROUTER_OPTION, *SHORT_LEASE_OPTIONS)
    with GatewayDaemon(gateway) as daemon:
        assert comes_up(venue), daemon.log_text()
        found = daemon_status(venue)["uplinks"]["fiber"]
        address = found["address"]
        assert (found["gateway"], ipv4_addresses(venue)) == ("203.0.113.1", [address])

        acks = server.count_messages("DHCPACK")
        assert eventually(lambda: server.count_messages("DHCPACK") > acks, within_s=30)  # a renewal
        acks = server.count_messages("DHCPACK")
        isp.set_carrier(up=False)
        assert eventually(lambda: uplink_state_text(venue).startswith("down"))
        isp.set_carrier(up=True)
        assert eventually(lambda: server.count_messages("DHCPACK") > acks, within_s=30)
        assert server.count_messages("DHCPDISCOVER") == 1
        assert comes_up(venue)

        held = venue.client("stream").hold_connections(count=3, interval_ms=50)
        daemon.kill()
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        assert comes_up(venue)
        assert server.count_messages("DHCPDISCOVER") == 1
        assert ipv4_addresses(venue) == [address]
        assert [row["error"] for row in held.stop() if row["error"]] == []
        assert not daemon.events("repair"), daemon.log_text()
        assert main_table(gateway) == ""
    done = gateway.run_lbrouter("plan")
    assert done.returncode == ExitCode.DONE, done.stdout
    require_success(gateway.run_lbrouter("down"))
    assert ipv4_addresses(venue) == []
    assert Path("/etc/resolv.conf").read_bytes() == resolvers


def test_a_change_costs_only_the_flows_that_it_must(venue: Venue, tmp_path: Path) -> None:
    isp = venue.isp("fiber")
    isp.check_output(["ip", "address", "add", "203.0.113.254/24", "dev", "line"])
    server = DnsmasqServer(isp, tmp_path, POOL, ROUTER_OPTION, *SHORT_LEASE_OPTIONS)
    with GatewayDaemon(venue.gateway) as daemon:
        assert comes_up(venue), daemon.log_text()
        first = ipv4_addresses(venue)
        connections = venue.client("stream").hold_connections(
            count=3, interval_ms=50, timeout_ms=20_000
        )
        others = venue.client("guests").hold_connections(count=3, interval_ms=50, timeout_ms=20_000)

        # Option 121 names another router than option 3, and a smaller MTU comes with it.
        routes = "--dhcp-option=121,192.0.2.0/24,203.0.113.1,0.0.0.0/0,203.0.113.254"
        server.job.process.kill()
        server.start(POOL, ROUTER_OPTION, routes, "--dhcp-option=26,1400", *SHORT_LEASE_OPTIONS)
        assert eventually(lambda: "via 203.0.113.254" in default_route(venue), within_s=30)
        assert "mtu 1400" in default_route(venue)
        assert ipv4_addresses(venue) == first
        rows = connections.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        print("gateway changed, flows over it:", [row["max_gap_ms"] for row in rows])

        # Another server, with a memory and a pool of its own: it refuses the old address.
        connections = venue.client("stream").hold_connections(
            count=3, interval_ms=50, timeout_ms=20_000
        )
        server.restart(OTHER_POOL, ROUTER_OPTION, *SHORT_LEASE_OPTIONS)
        assert eventually(lambda: ipv4_addresses(venue)[:1] not in ([], first), within_s=30)
        [second] = ipv4_addresses(venue)
        assert second.startswith("203.0.113.6")
        assert eventually(lambda: "via 203.0.113.1 " in default_route(venue))
        assert comes_up(venue)
        rows = venue.client("stream").open_flows(count=2)
        assert {row["seen"] for row in rows} == {second.partition("/")[0]}
        assert all(row["error"] for row in connections.stop())
        rows = others.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        print("address changed, flows over the other line:", [row["max_gap_ms"] for row in rows])
        assert len(daemon.events("lease")) == 4, daemon.events("lease")


def test_whoever_is_there_renews_when_the_own_server_is_silent(
    venue: Venue, tmp_path: Path
) -> None:
    isp = venue.isp("fiber")
    server = DnsmasqServer(isp, tmp_path, POOL, ROUTER_OPTION, *SHORT_LEASE_OPTIONS)
    with GatewayDaemon(venue.gateway) as daemon:
        assert comes_up(venue), daemon.log_text()
        first = ipv4_addresses(venue)
        isp.check_output(["nft", "-f", "-"], stdin=BROADCAST_ONLY_RULES)
        server.restart(POOL, ROUTER_OPTION, *SHORT_LEASE_OPTIONS)
        acks = server.count_messages("DHCPACK")
        assert eventually(lambda: server.count_messages("DHCPACK") > acks, within_s=30)
        assert (ipv4_addresses(venue), server.count_messages("DHCPDISCOVER")) == (first, 1)


IDENTICAL_UPLINKS_CONFIG = (
    FAST_HEALTH
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
IDENTICAL_DHCP_CONFIG = IDENTICAL_UPLINKS_CONFIG.replace(
    'address = "192.168.1.50/24"\ngateway = "192.168.1.1"', 'address = "dhcp"'
)


def test_two_lines_lease_the_same_address_by_the_same_gateway(
    build_venue: VenueBuilder, tmp_path: Path
) -> None:
    venue = build_configured(build_venue, IDENTICAL_DHCP_CONFIG, layout=IDENTICAL_UPLINKS_CONFIG)
    pool = "--dhcp-range=192.168.1.50,192.168.1.50,255.255.255.0,2m"
    servers = [
        DnsmasqServer(venue.isp(name), tmp_path, pool, *SHORT_LEASE_OPTIONS) for name in ("a", "b")
    ]
    require_success(
        venue.gateway.run_lbrouter("apply")
    )  # what the kernel can do is known from here on
    with GatewayDaemon(
        venue.gateway, wrapper=[*UNIT_RIGHTS_ARGV, sys.executable, "-c", NO_EXEC_MEMORY_SCRIPT]
    ) as daemon:
        assert comes_up(venue, "a", "b"), daemon.log_text()
        assert ipv4_addresses(venue, "wan1") == ipv4_addresses(venue, "wan2") == ["192.168.1.50/24"]
        acks = [server.count_messages("DHCPACK") for server in servers]
        rows = venue.client("guests").open_flows(count=200)
        assert [row["error"] for row in rows if row["error"]] == []
        taken = [venue.uplink_of(row["seen"]) for row in rows]
        assert {name: taken.count(name) for name in ("a", "b")} == {"a": 100, "b": 100}
        for server, before in zip(servers, acks, strict=True):
            assert eventually(
                lambda s=server, n=before: s.count_messages("DHCPACK") > n, within_s=30
            )  # type: ignore[misc]
            assert server.count_messages("DHCPDISCOVER") == 1
        assert not daemon.has_logged("trouble"), daemon.log_text()
