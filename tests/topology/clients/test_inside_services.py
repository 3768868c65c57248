"""Inside: services of the gateway, routers of the venue, DHCP options, resolvers, a relay."""

import json
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import ClientHost, ScanTarget
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

SERVER = "10.10.2.5"

TEXT = f"""
[gateway]
name = "inside"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[vlans.crew]
port = "lan1"
address = "10.10.2.1/24"
policy = "show"
routes = ["10.50.0.0/16 via 10.10.2.14"]
services = ["ntp", "mdns", "tcp/8080"]
dns = ["9.9.9.9", "1.1.1.1"]
dhcp = {{ range = "10.10.2.100-10.10.2.120", options = {{ 66 = "{SERVER}", 42 = ["{SERVER}"] }} }}

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "show"
dhcp_relay = "{SERVER}"

[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""

DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
echo "$ip $router ${dns:--} ${tftp:--} ${ntpsrv:--}" | tr -d '\\n'
"""

BROADCAST_SCRIPT = """
import socket
speaking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
speaking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
speaking.sendto(b"who is there", ("192.168.77.255", 137))
"""

RELAYED_SERVER_ARGV = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file"),
    *("--bind-dynamic", "--no-ping", "--user=root", "--leasefile-ro", "--dhcp-authoritative"),
    *("--dhcp-range=10.10.40.50,10.10.40.60,255.255.255.0,1h", "--dhcp-option=3,10.10.40.1"),
)


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """Two VLANs; programs listen on the gateway."""
    venue = build_venue(TEXT)
    venue.write_config(parse(TEXT.encode(), source="test").config)
    require_success(venue.gateway.run_lbrouter("apply"))
    return venue


def _with_address(venue: Venue, vlan: str, address: str) -> ClientHost:
    client = venue.client(vlan)
    client.check_output(["ip", "address", "add", address, "dev", "eth0"])
    return client


def _lease(client: ClientHost, folder: Path) -> list[str]:
    """Address, router, resolvers, and the options 66 and 42 of a lease; empty without one."""
    script = folder / "udhcpc.sh"
    script.write_text(DHCP_SCRIPT, encoding="ascii")
    script.chmod(0o755)
    client.check_output(["ip", "-4", "address", "flush", "dev", "eth0"])
    argv = ["busybox", "udhcpc", "-f", "-q", "-n", "-t", "4", "-T", "1", "-i", "eth0"]
    return client.run([*argv, "-O", "tftp", "-O", "ntpsrv", "-s", str(script)]).stdout.split()


def test_a_vlan_reaches_the_services_that_its_section_names(venue: Venue) -> None:
    venue.gateway.start_server(["0.0.0.0"], tcp=[22, 8080, 8081], udp=[123, 161])
    wanted = [("tcp", 22), ("tcp", 8080), ("tcp", 8081), ("udp", 123), ("udp", 161)]
    seen = {}
    for name, address in (("crew", "10.10.2.1"), ("guests", "10.10.40.1")):
        targets = [ScanTarget(to=ip_address(address), protocol=p, port=n) for p, n in wanted]
        rows = venue.client(name).scan(targets)
        seen[name] = [row["port"] for row in rows if row["answer"] == "open"]
    assert seen == {"crew": [8080, 123], "guests": []}


def test_what_lies_behind_a_router_inside_is_part_of_its_vlan(venue: Venue) -> None:
    """Its clients reach the internet by the VLAN's policy, and nothing of other VLANs."""
    switch = _with_address(venue, "crew", "10.10.2.14/24")
    switch.check_output(["ip", "address", "add", "10.50.3.9/32", "dev", "lo"])
    [out] = switch.open_flows(count=1, sources=["10.50.3.9"])
    assert (out["error"], venue.uplink_of(out["seen"])) == ("", "fiber")
    guests = venue.client("guests")
    own = str(guests.layout.ip_addresses(4)[0])
    guests.start_server([own], tcp=[443], udp=[])
    [across] = switch.open_flows(count=1, to=own, port=443, sources=["10.50.3.9"])
    switch.start_server(["10.50.3.9"], tcp=[443], udp=[])
    [back] = guests.open_flows(count=1, to="10.50.3.9", port=443)
    assert (across["error"], back["error"]) == ("unreachable", "unreachable")
    [spoofed] = guests.open_flows(count=1, every=False, to="10.50.3.9", port=443)
    assert spoofed["error"]
    assert "10.50.0.0/16 via 10.10.2.14" in venue.gateway.check_output(["ip", "route"])
    require_success(venue.gateway.run_lbrouter("plan"))
    require_success(venue.gateway.run_lbrouter("down"))
    assert "10.50.0.0/16" not in venue.gateway.check_output(["ip", "route"])


def test_a_laptop_with_an_address_of_another_place_is_named(venue: Venue) -> None:
    """It speaks to its old network by broadcast: the gateway tells who it is, and where."""
    laptop = venue.client("guests")
    laptop.run_script(
        "ip -4 address flush dev eth0\nip address add 192.168.77.50/24 brd + dev eth0\n"
    )
    laptop.check_output([sys.executable, "-c", BROADCAST_SCRIPT])

    def rows() -> list[dict[str, object]]:
        listed = require_success(venue.gateway.run_lbrouter("clients", "--json"))
        return [row for row in json.loads(listed)["clients"] if row["foreign_address"]]

    assert eventually(lambda: len(rows()) == 1)
    [row] = rows()
    assert (row["vlan"], row["address"]) == ("guests", "192.168.77.50")
    table = require_success(venue.gateway.run_lbrouter("clients", "--lang", "en"))
    assert "192.168.77.50: not of guests, set it to DHCP" in table


def test_clients_are_told_the_options_and_resolvers_of_their_vlan(
    venue: Venue, tmp_path: Path
) -> None:
    lease = _lease(venue.client("crew"), tmp_path)
    assert lease[0].startswith("10.10.2.1")
    assert lease[1:] == ["10.10.2.1", "9.9.9.9", "1.1.1.1", SERVER, SERVER]


def test_requests_are_handed_to_a_server_in_another_vlan(venue: Venue, tmp_path: Path) -> None:
    server = venue.client("crew")
    server.run_script(
        f"ip -4 address flush dev eth0\nip address add {SERVER}/24 dev eth0\n"
        "ip route add default via 10.10.2.1\n"
    )
    server.start(RELAYED_SERVER_ARGV)
    assert eventually(lambda: ":67" in server.check_output(["ss", "-lnu"]))
    lease = _lease(venue.client("guests"), tmp_path)
    assert lease[0].startswith("10.10.40.5")
    assert lease[1] == "10.10.40.1"
