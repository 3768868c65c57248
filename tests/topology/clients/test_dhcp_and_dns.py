"""Addresses, DNS and router advertisements as the clients see them; the dnsmasq process."""

import ipaddress
import json
import os
import signal
from pathlib import Path

import pytest
from scapy.layers.inet6 import ICMPv6NDOptRDNSS
from scapy.layers.l2 import Ether

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.hosts import GatewayHost, Host
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.services import process
from lbrouter.services.dnsmasq import Dnsmasq
from tests.kit.commands import require_success
from tests.kit.programs import RESOLVER, UDHCPC_SCRIPT, UPSTREAM_RESOLVER_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = f"""
[gateway]
name = "hall"
dns = ["{RESOLVER}"]

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[vlans.guests]
port = "lan1"
address = "10.10.40.1/22"
address6 = "fd10:40::1/64"
policy = "show"
dhcp = {{ range = "10.10.40.20-10.10.43.250", lease = "2h" }}

[vlans.desk]
port = "lan2"
address = "10.10.99.1/24"
policy = "show"
manage = true

[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""

WIDER_POOL_CONFIG = TEXT.replace("manage = true", 'dhcp = { range = "10.10.99.50-10.10.99.60" }')

UDHCPC_ARGV = ("busybox", "udhcpc", "-f", "-q", "-n", "-t", "4", "-T", "1", "-i")


@pytest.fixture
def unapplied_venue(build_venue: VenueBuilder, tmp_path: Path) -> Venue:
    """The venue before `apply`; a resolver answers in the internet."""
    venue = build_venue(TEXT.replace(RESOLVER, "9.9.9.9"))
    _write_config(venue, TEXT)
    log = tmp_path / "queries"
    venue.internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    venue.internet.start([*UPSTREAM_RESOLVER_ARGV, f"--log-facility={log}"])
    assert eventually(lambda: f"{RESOLVER}:53" in venue.internet.check_output(["ss", "-lnu"]))
    script = tmp_path / "udhcpc.sh"
    script.write_text(UDHCPC_SCRIPT, encoding="ascii")
    script.chmod(0o755)
    return venue


@pytest.fixture
def venue(unapplied_venue: Venue) -> Venue:
    """The venue after `apply`."""
    require_success(unapplied_venue.gateway.run_lbrouter("apply"))
    return unapplied_venue


@pytest.fixture
def script(tmp_path: Path) -> str:
    return str(tmp_path / "udhcpc.sh")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    return tmp_path / "queries"


def _write_config(venue: Venue, text: str) -> None:
    venue.write_config(parse(text.encode(), source="test").config)


def _lease(host: Host, script: str, *options: str, device: str = "eth0") -> list[str]:
    """Address, mask, router, resolver and seconds of a lease; empty where no server offers one."""
    if device == "eth0":
        host.check_output(["ip", "-4", "address", "flush", "dev", device])
    return host.run([*UDHCPC_ARGV, device, "-s", script, *options]).stdout.split()


def _resolve(host: Host, name: str, server: str) -> str:
    return host.run(["busybox", "nslookup", "-type=a", name, server]).stdout


def _dnsmasq(gateway: GatewayHost) -> Dnsmasq:
    return Dnsmasq(gateway.runtime_dir, gateway.state_dir)


def _pid(gateway: GatewayHost) -> int:
    [pid] = _dnsmasq(gateway).pids()
    return pid


def _status(gateway: GatewayHost) -> dict[str, object]:
    found = json.loads(require_success(gateway.run_lbrouter("status", "--json")))
    return dict(found["services"]["dnsmasq"])


def test_a_client_gets_address_router_and_resolver_and_is_online(venue: Venue, script: str) -> None:
    client = venue.client("guests")
    address, mask, router, resolver, seconds = _lease(client, script)
    pool = parse(TEXT.encode(), source="test").config.vlans["guests"].dhcp
    assert pool is not None
    assert ipaddress.ip_address(address) in pool.range
    assert (mask, router, resolver, seconds) == ("22", "10.10.40.1", "10.10.40.1", "7200")
    rows = client.open_flows(count=5, sources=[address])
    assert [row["error"] for row in rows if row["error"]] == []
    found = _status(venue.gateway)
    assert (found["state"], found["pid"]) == ("running", _pid(venue.gateway))
    assert found["pools"] == {"guests": {"used": 1, "size": 999}}


def test_names_are_asked_of_the_resolver_of_the_file_once(venue: Venue, queries: Path) -> None:
    client = venue.client("guests")
    for server in ("10.10.40.1", "fd10:40::1", "10.10.40.1"):
        assert "192.0.2.80" in _resolve(client, "stream.example", server)
    asked = [line for line in queries.read_text().splitlines() if "query[A] stream" in line]
    assert len(asked) == 1  # the second and third answers came out of the gateway's cache
    assert asked[0].endswith("from 203.0.113.2")


def test_a_vlan_without_dhcp_gets_names_and_no_address(venue: Venue, script: str) -> None:
    desk = venue.client("desk")
    assert "192.0.2.80" in _resolve(desk, "stream.example", "10.10.99.1")
    assert _lease(desk, script) == []


def test_a_client_forms_its_ipv6_address_and_learns_router_and_resolver(venue: Venue) -> None:
    client = venue.client("guests")
    wire = venue.capture(venue.host("switch"), "seat1.1")  # the far end of eth0, which stays up
    client.run_script("ip link set eth0 down; ip -6 address flush dev eth0; ip link set eth0 up")

    def formed() -> bool:
        found = client.check_output(
            ["ip", "-6", "-o", "address", "show", "dynamic", "scope", "global"]
        )
        routes = client.check_output(["ip", "-6", "route", "show", "default", "proto", "ra"])
        return "fd10:40:" in found and "via fe80::" in routes

    assert eventually(formed, within_s=20)
    frames = [Ether(frame) for frame in wire.stop()]
    dns_servers = [frame[ICMPv6NDOptRDNSS].dns for frame in frames if ICMPv6NDOptRDNSS in frame]
    assert {address for each in dns_servers for address in each} == {"fd10:40::1"}
    [row] = client.open_flows(count=1, version=6, every=False)
    assert not row["error"]
    assert "fd10:40:" in client.check_output(
        ["ip", "-6", "route", "get", str(client.server_addresses[1])]
    )


def test_nothing_answers_on_an_uplink_even_without_a_firewall(venue: Venue, script: str) -> None:
    isp = venue.isp("fiber")
    listening = venue.gateway.check_output(["ss", "-lntuH"])
    assert "203.0.113.2" not in listening
    assert "0.0.0.0:53" not in listening
    venue.gateway.check_output(["nft", "delete table inet lbrouter"])
    assert "192.0.2.80" in _resolve(venue.client("guests"), "stream.example", "10.10.40.1")
    assert "192.0.2.80" not in _resolve(isp, "stream.example", "203.0.113.2")
    assert _lease(isp, script, device="line") == []


def test_what_a_client_calls_itself_stays_text(venue: Venue, script: str, tmp_path: Path) -> None:
    client = venue.client("guests")
    trap = tmp_path / "trap"
    for name in (f"$(touch {trap})", f"`touch {trap}`", "wpad", "a\nb"):
        assert _lease(client, script, "-x", f"hostname:{name}")
    assert not trap.exists()
    [line] = _dnsmasq(venue.gateway).leases_file.read_text().splitlines()
    assert len(line.split()) == 5
    assert "192.0.2.80" in _resolve(client, "stream.example", "10.10.40.1")
    found = _resolve(client, "wpad", "10.10.40.1")
    assert "Address: 10.10.4" not in found.partition("wpad")[2]


def test_a_second_time_there_is_nothing_to_change(venue: Venue) -> None:
    before = _pid(venue.gateway)
    assert require_success(venue.gateway.run_lbrouter("apply")) == "nothing to change\n"
    assert require_success(venue.gateway.run_lbrouter("plan")) == "nothing to change\n"
    assert _pid(venue.gateway) == before


def test_a_lease_outlives_a_killed_process_and_a_changed_file(venue: Venue, script: str) -> None:
    gateway, client = venue.gateway, venue.client("guests")
    asked = "10.10.41.41"  # not the one that its hardware address would lead to
    assert _lease(client, script, "-r", asked)[0] == asked
    pid = _pid(gateway)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: _dnsmasq(gateway).pids() == ())
    assert _status(gateway)["state"] == "stopped"
    done = gateway.run_lbrouter("plan")
    assert (done.returncode, len(done.stdout.splitlines())) == (ExitCode.CHANGES, 1)
    assert done.stdout.startswith("dnsmasq --conf-file=")
    assert "applied: 1 change in" in require_success(gateway.run_lbrouter("apply"))
    assert _pid(gateway) != pid
    assert _lease(client, script)[0] == asked
    _write_config(venue, WIDER_POOL_CONFIG)
    assert "kill $(cat " in require_success(gateway.run_lbrouter("apply"))
    assert _lease(client, script)[0] == asked
    assert _lease(venue.client("desk"), script)[2:4] == ["10.10.99.1", "10.10.99.1"]


def test_down_ends_the_process_and_no_other_one(venue: Venue) -> None:
    gateway = venue.gateway
    other = gateway.start(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"])
    assert eventually(lambda: "dnsmasq" in "".join(process.command_line(other.process.pid)[:1]))
    (gateway.runtime_dir / "dnsmasq.pid").write_text(f"{other.process.pid}\n", encoding="ascii")
    pid = _pid(gateway)  # found although the file names another one
    assert pid != other.process.pid
    assert "kill $(cat " in require_success(gateway.run_lbrouter("down"))
    assert process.command_line(pid) == ()
    assert process.command_line(other.process.pid) != ()
    assert require_success(gateway.run_lbrouter("down")) == "nothing to change\n"


def test_a_taken_port_is_named_and_the_kernel_keeps_what_it_holds(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    gateway.check_output(["ip", "address", "add", "10.10.40.1/22", "dev", "lan1"])
    taker = gateway.start_server(["10.10.40.1"], tcp=[53], udp=[53])
    done = gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.TRY_AGAIN
    assert "dnsmasq does not start" in done.stderr
    assert "in use" in done.stderr
    assert "ss -lntup" in done.stderr
    assert "lbrouter" in gateway.check_output(["nft", "list", "tables"])
    taker.process.stop()
    assert "applied: 1 change in" in require_success(gateway.run_lbrouter("apply"))


def test_without_dnsmasq_leases_are_refused_before_the_first_change(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    held = gateway.snapshot()
    hidden = "mount --bind /dev/null $(readlink -f /usr/sbin/dnsmasq) && exec "
    argv = " ".join(gateway.lbrouter_argv("apply"))
    done = gateway.run(["unshare", "--mount", "sh", "-c", hidden + argv])
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert "apt install dnsmasq-base" in done.stderr
    assert "vlans.guests.dhcp" in done.stderr
    assert gateway.snapshot() == held


def test_an_interface_that_comes_later_is_served_by_the_same_process(
    unapplied_venue: Venue,
) -> None:
    gateway = unapplied_venue.gateway
    _write_config(unapplied_venue, TEXT.replace('"lan2"', '"later"'))
    require_success(gateway.run_lbrouter("apply"))
    pid = _pid(gateway)
    gateway.check_output(["ip", "link", "add", "later", "type", "veth", "peer", "name", "far"])
    assert "dnsmasq" not in require_success(gateway.run_lbrouter("apply"))
    assert eventually(lambda: "10.10.99.1:53" in gateway.check_output(["ss", "-lnuH"]))
    assert _pid(gateway) == pid


def test_a_venue_takes_the_process_of_its_gateway_with_it(venue: Venue) -> None:
    pid = _pid(venue.gateway)
    venue.close()
    assert eventually(lambda: process.command_line(pid) == ())
