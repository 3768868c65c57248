"""Forwards and hosts with a public address of their own, on real packets: outside and inside."""

import json
from ipaddress import ip_address

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import ClientHost, ScanTarget
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

SERVER, OTHER = "10.10.10.20", "10.10.10.30"
PUBLIC, LTE_PUBLIC, MAPPED = "203.0.113.2", "198.51.100.2", "203.0.113.3"

TEXT = f"""
{FAST_HEALTH}
[gateway]
name = "services"

[uplinks.fiber]
interface = "wan1"
address = "{PUBLIC}/29"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "{LTE_PUBLIC}/30"
gateway = "198.51.100.1"

[vlans.stage]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
address6 = "fd10:40::1/64"
policy = "show"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[[forwards]]
uplink = "any"
protocol = "tcp"
port = 8443
to = "{SERVER}:443"

[[forwards]]
uplink = "fiber"
protocol = "udp"
port = "9000-9010"
to = "{SERVER}"

[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = 2222
to = "{SERVER}"
sources = ["192.0.2.0/24", "10.10.40.0/24"]

[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = "3000-3001"
to = "{SERVER}"
sources = ["192.0.2.99"]

[[forwards]]
uplink = "fiber"
protocol = "udp"
port = 51820
to = "10.10.10.1:51820"

[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = 8443
to = "[fd10:10::20]:443"

[[forwards]]
uplink = "any"
protocol = "tcp"
port = 8080
to = "{OTHER}"

[[maps]]
uplink = "fiber"
public = "{MAPPED}"
to = "{OTHER}"
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """Two hosts of `stage` offer services; the gateway itself has one too."""
    venue = build_venue(TEXT)
    venue.write_config(parse(TEXT.encode(), source="test").config)
    require_success(venue.gateway.run_lbrouter("apply"))
    for client in venue.clients_of("stage"):
        own = client.layout.ip_addresses(4) + client.layout.ip_addresses(6)
        client.start_server(own, tcp=[443, 2222, 3000, 8080], udp=[9000, 9005, 9010, 9011])
    venue.gateway.start_server(["0.0.0.0"], tcp=[], udp=[51820])
    return venue


def _answers(rows: list[dict[str, object]]) -> list[str]:
    return [str(row["answer"]) for row in rows]


def _targets(address: str, *wanted: tuple[str, int]) -> list[ScanTarget]:
    return [ScanTarget(to=ip_address(address), protocol=what, port=port) for what, port in wanted]


def _host_with(venue: Venue, address: str) -> ClientHost:
    [found] = [
        client
        for client in venue.clients_of("stage")
        if address in map(str, client.layout.ip_addresses(4))
    ]
    return found


def test_the_internet_reaches_what_is_offered_and_nothing_else(venue: Venue) -> None:
    ranged = [("udp", port) for port in (9000, 9005, 9010, 9011, 8999)]
    rows = venue.internet.scan(_targets(PUBLIC, ("tcp", 8443), *ranged))
    assert _answers(rows) == ["open", "open", "open", "open", "silent", "silent"]
    # The internet's scanner has an address of 192.0.2.0/24, so 2222 is open to it, 3000 is not.
    bounded = venue.internet.scan(_targets(PUBLIC, ("tcp", 2222), ("tcp", 3000)))
    own = venue.internet.scan(_targets(PUBLIC, ("udp", 51820), ("tcp", 22)))
    six = venue.internet.scan(_targets("2001:db8:1::2", ("tcp", 8443), ("tcp", 2222)))
    assert _answers(own) == ["open", "silent"]
    assert _answers(six) == ["open", "silent"]
    assert _answers(bounded)[1] == "silent"


def test_a_forward_is_reached_by_its_public_address_from_inside(venue: Venue) -> None:
    """Guests may not reach `stage`, and a neighbour of the server would be answered directly."""
    guests = venue.client("guests")
    for address in (PUBLIC, LTE_PUBLIC):
        [row] = guests.open_flows(count=1, to=address, port=8443)
        assert (row["error"], row["seen"]) == ("", row["source"])
    [six] = guests.open_flows(count=1, to="2001:db8:1::2", port=8443, version=6)
    assert six["error"] == ""
    [direct] = guests.open_flows(count=1, to=SERVER, port=443)
    assert direct["error"] == "unreachable"
    [neighbour] = [
        client
        for client in venue.clients_of("stage")
        if SERVER not in map(str, client.layout.ip_addresses(4))
    ][:1]
    [row] = neighbour.open_flows(count=1, to=PUBLIC, port=8443)
    assert (row["error"], row["seen"]) == ("", "10.10.10.1")
    rows = guests.scan(_targets(PUBLIC, ("udp", 9005), ("tcp", 2222), ("udp", 51820)))
    assert _answers(rows) == ["open", "open", "open"]
    # Not offered to guests: another source's port, and what the gateway keeps for `manage`.
    closed = guests.scan(_targets(PUBLIC, ("tcp", 3000), ("udp", 9011), ("tcp", 22)))
    assert set(_answers(closed)) == {"unreachable"}


def test_a_mapped_host_has_its_public_address_in_both_directions(venue: Venue) -> None:
    rows = venue.internet.scan(
        [*_targets(MAPPED, ("tcp", 443), ("udp", 9011), ("tcp", 4444)),
         ScanTarget(to=ip_address(MAPPED), protocol="icmp")]
    )  # fmt: skip
    assert _answers(rows) == ["open", "open", "refused", "open"]
    host = _host_with(venue, OTHER)
    [row] = host.open_flows(count=1, sources=[OTHER])
    assert (row["error"], row["seen"]) == ("", MAPPED)
    [row] = _host_with(venue, SERVER).open_flows(count=1, sources=[SERVER])
    assert row["seen"] == PUBLIC
    [inside] = venue.client("guests").open_flows(count=1, to=MAPPED, port=443)
    assert inside["error"] == ""


def test_a_mapped_host_keeps_working_when_its_line_is_gone(venue: Venue) -> None:
    venue.isp("fiber").check_output(["ip", "link", "set", "line", "down"])
    require_success(venue.gateway.run_lbrouter("apply"))
    host = _host_with(venue, OTHER)
    [row] = host.open_flows(count=1, sources=[OTHER])
    assert (row["error"], venue.uplink_of(row["seen"])) == ("", "lte")


def test_a_datagram_flow_of_a_mapped_host_moves_when_its_line_dies(venue: Venue) -> None:
    """It never pauses, and `snat` alone would keep the dead line's address for ever."""
    host = _host_with(venue, OTHER)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == daemon.state("fiber") == "up", within_s=20)
        ping = host.start_ping(interval_ms=20, name="call", sources=[OTHER])
        assert eventually(lambda: MAPPED in _sources(venue), within_s=10)
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: LTE_PUBLIC in _sources(venue), within_s=15)
        ping.stop()


def _sources(venue: Venue) -> set[str]:
    """The addresses from which the internet has seen the call."""
    return {row["source"] for row in venue.internet.log() if row["flow"].startswith("call")}


def test_explain_names_the_forward_and_the_map(venue: Venue) -> None:
    for source, to, said in (
        ("guests", PUBLIC, "forwards.0 sends it to"),
        ("192.0.2.80", PUBLIC, "forwards.0 sends it to"),
        ("guests", MAPPED, f"maps.0 gives this address to {OTHER}"),
    ):
        words = ("explain", source, to, "--protocol", "tcp", "--port", "8443", "--json")
        answer = json.loads(require_success(venue.gateway.run_lbrouter(*words)))
        assert answer["verdict"] == "forwarded"
        assert said in answer["because"]


def test_a_plan_has_nothing_to_do_after_the_apply(venue: Venue) -> None:
    done = venue.gateway.run_lbrouter("plan")
    assert done.returncode == 0, done.stdout
