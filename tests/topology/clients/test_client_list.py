"""The client list with real clients; DNS goes on when a line dies."""

import json
import time
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.programs import UDHCPC_SCRIPT, UPSTREAM_RESOLVER_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

RESOLVER = "9.9.9.99"

TEXT = file_text(
    "hall",
    fiber(),
    lte(),
    vlan_text(
        *("stream", "lan1", "10.10.10.1/24", "show"),
        'address6 = "fd10:10::1/64"',
        'hosts.encoder = { mac = "02:00:00:00:10:10", address = "10.10.10.77" }',
    ),
    vlan_text(
        *("guests", "lan2", "10.10.40.1/22", "backup"),
        'dhcp = { range = "10.10.40.20-10.10.43.250", lease = "2h" }',
    ),
    failover_text("show", "fiber", "lte"),
    failover_text("backup", "lte"),
).replace('"hall"', f'"hall"\ndns = ["{RESOLVER}"]')


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """Two lines; a resolver answers in the internet."""
    venue = build_venue(TEXT.replace(RESOLVER, "9.9.9.9"))
    venue.write_config(parse(TEXT.encode(), source="test").config)
    venue.internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    venue.internet.start(UPSTREAM_RESOLVER_ARGV)
    assert eventually(lambda: f"{RESOLVER}:53" in venue.internet.check_output(["ss", "-lnu"]))
    return venue


def test_each_client_with_its_uplink_its_rate_and_its_lease(venue: Venue, tmp_path: Path) -> None:
    require_success(venue.gateway.run_lbrouter("apply"))
    encoder, guest = venue.client("stream"), venue.client("guests")
    encoder.check_output(["ip", "link", "set", "eth0", "address", "02:00:00:00:10:10"])
    script = tmp_path / "udhcpc.sh"
    script.write_text(UDHCPC_SCRIPT, encoding="ascii")
    script.chmod(0o755)
    guest.check_output(["ip", "-4", "address", "flush", "dev", "eth0"])
    leased = guest.run(["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", str(script)])
    address = leased.stdout.split()[0]
    held = [
        encoder.hold_connections(count=3, interval_ms=20),
        guest.hold_connections(count=2, interval_ms=50, every=False),
    ]
    text = require_success(venue.gateway.run_lbrouter("clients", "--json"))
    rows = [each for each in json.loads(text)["clients"] if each["connections"]]
    found = {each["vlan"]: each for each in rows}
    [row.stop() for row in held]
    assert found["stream"]["name"] == "encoder"
    assert (found["stream"]["mac"], found["stream"]["uplink"]) == ("02:00:00:00:10:10", "fiber")
    assert found["stream"]["lease_ends"] is None  # it has set its address itself
    assert found["guests"]["address"] == address
    assert found["guests"]["lease_ends"] is not None
    assert found["guests"]["uplink"] == "lte"
    assert (found["stream"]["connections"], found["guests"]["connections"]) == (3, 2)
    assert found["stream"]["upload_bps"] > found["guests"]["upload_bps"] > 1000
    table = require_success(venue.gateway.run_lbrouter("clients"))
    assert "encoder" in table
    assert address in table


def test_a_host_of_the_file_gets_its_address_and_is_found_by_its_name(
    venue: Venue, tmp_path: Path
) -> None:
    require_success(venue.gateway.run_lbrouter("apply"))
    encoder, guest = venue.client("stream"), venue.client("guests")
    script = tmp_path / "udhcpc.sh"
    script.write_text(UDHCPC_SCRIPT, encoding="ascii")
    script.chmod(0o755)
    argv = ["busybox", "udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s"]
    encoder.check_output(["ip", "-4", "address", "flush", "dev", "eth0"])
    # A VLAN without a pool has addresses for its hosts alone.
    assert encoder.run([*argv, str(script)]).stdout == ""
    encoder.check_output(["ip", "link", "set", "eth0", "address", "02:00:00:00:10:10"])
    assert encoder.check_output([*argv, str(script)]).split()[0] == "10.10.10.77"
    for name in ("encoder", "encoder.internal"):
        found = guest.run(["busybox", "nslookup", "-type=a", name, "10.10.40.1"])
        assert "10.10.10.77" in found.stdout
    other = guest.run(["busybox", "nslookup", "-type=a", "other.internal", "10.10.40.1"])
    assert "NXDOMAIN" in other.stdout


def test_names_go_on_when_a_line_dies(venue: Venue) -> None:
    client, number = venue.client("guests"), 0
    with GatewayDaemon(venue.gateway) as daemon:

        def resolves() -> bool:
            nonlocal number
            number += 1  # a new name each time: none of them is in the cache
            argv = ["busybox", "timeout", "0.3", "busybox", "nslookup", "-type=a"]
            done = client.run([*argv, f"n{number}.stream.example", "10.10.40.1"])
            return "192.0.2.80" in done.stdout

        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert eventually(resolves)
        venue.isp("fiber").set_blackhole(on=True)
        begun = time.monotonic()
        assert eventually(lambda: not resolves())
        assert eventually(resolves)
        took_s = time.monotonic() - begun
        print(f"names came back {took_s:.2f} s after the line's death")
        assert took_s < 3


SMALL_POOL_CONFIG = TEXT.replace("10.10.40.20-10.10.43.250", "10.10.40.20-10.10.40.24")


def test_a_pool_that_runs_out_and_a_second_server_are_named(venue: Venue) -> None:
    venue.write_config(parse(SMALL_POOL_CONFIG.encode(), source="test").config)
    client = venue.client("guests")
    mac = json.loads(client.check_output(["ip", "-json", "link", "show", "eth0"]))[0]["address"]
    address = client.layout.ip_addresses(4)[0]
    other = client.start(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--no-ping"),
            *("--interface=eth0", "--bind-interfaces", "--pid-file", "--user=root"),
            *("--dhcp-range=10.10.41.100,10.10.41.120,1h", "--leasefile-ro"),
        ]
    )
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(
            lambda: daemon.has_logged("dhcp:", "another DHCP server", mac), within_s=30
        )
        [found] = daemon.status()["vlans"]["guests"]["other_dhcp_servers"]
        assert (found["mac"], found["address"]) == (mac, str(address))
        assert found["offers"].startswith("10.10.41.1")
        assert daemon.status()["vlans"]["stream"]["other_dhcp_servers"] == []
        assert "another DHCP server" in require_success(venue.gateway.run_lbrouter("status"))
        other.close()
        for number in range(4):
            argv = ["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true"]
            client.check_output([*argv, "-x", f"0x3d:01020304050{number}"])
        assert eventually(
            lambda: daemon.has_logged("dhcp:", "guests: 4 of 5 addresses"), within_s=15
        )
        held = (venue.gateway.state_dir / "dnsmasq.leases").read_text()
        assert "02:6c:62:72" not in held  # and the gateway did not ask either
