"""A client that an operator shuts out: what it has open ends, in both families; it comes back."""

import json

import pytest

from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FIBER_IPV6, failover_text, fiber, file_text, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = file_text(
    "hall",
    fiber(FIBER_IPV6),
    vlan_text("guests", "lan1", "10.10.40.1/22", "show", 'address6 = "fd10:40::1/64"'),
    vlan_text(
        *("stream", "lan2", "10.10.10.1/24", "show"),
        'hosts.encoder = { mac = "02:00:00:00:10:10", address = "10.10.10.77" }',
    ),
    failover_text("show", "fiber"),
)


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(TEXT)


def reaches(client: ClientHost, version: int = 4) -> bool:
    [row] = client.open_flows(count=1, version=version, timeout_ms=800)
    return not row["error"]


def listed(venue: Venue) -> dict[str, bool]:
    """By hardware address, whether `clients` says that it is blocked."""
    text = require_success(venue.gateway.run_lbrouter("clients", "--json"))
    return {row["mac"]: row["blocked"] for row in json.loads(text)["clients"]}


def test_a_blocked_client_has_nothing_until_it_is_let_in(venue: Venue) -> None:
    guest, other = venue.client("guests"), venue.client("stream")
    mac, address = mac_of(guest, "eth0"), str(guest.layout.ip_addresses(4)[0])
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: reaches(guest) and reaches(guest, 6) and reaches(other))
        held = guest.hold_connections(count=3, interval_ms=50)
        said = require_success(venue.gateway.run_lbrouter("block", address))
        assert said == f"{address} ({mac}) is blocked until you end it\n"
        assert not reaches(guest)
        assert not reaches(guest, 6)
        assert reaches(other)
        assert all(row["error"] for row in held.stop())
        assert listed(venue)[mac] is True
        assert require_success(venue.gateway.run_lbrouter("plan")) == "nothing to change\n"
        [event] = daemon.events("wish")
        assert (event["subject"], event["more"]["message"]["code"]) == (mac, "client_shut_out")
    with GatewayDaemon(venue.gateway):  # kept over a restart
        assert not reaches(guest)
        said = require_success(venue.gateway.run_lbrouter("unblock", mac))
        assert said == f"{mac} is no longer blocked\n"
        assert reaches(guest)
        assert reaches(guest, 6)
        assert listed(venue)[mac] is False
        listing = venue.gateway.check_output(["nft", "list", "map", "inet", "lbrouter",
                                              "prerouting_dispatch"])  # fmt: skip
        assert "screen_" not in listing


def test_a_block_ends_by_itself_and_a_host_of_the_file_is_asked_for(venue: Venue) -> None:
    guest, encoder = venue.client("guests"), venue.client("stream")
    encoder.check_output(["ip", "link", "set", "eth0", "address", "02:00:00:00:10:10"])
    mac = mac_of(guest, "eth0")
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: reaches(guest))
        daemon.ask("block", client=mac, for_ms=5000)
        assert not reaches(guest)
        assert eventually(lambda: reaches(guest), within_s=10)
        assert daemon.has_logged("wish:", "the time of the block is over")
        refused = venue.gateway.run_lbrouter("block", "encoder")
        assert refused.returncode == 75
        assert "The file names it: it is a host of VLAN stream." in refused.stderr
        assert eventually(lambda: reaches(encoder))
        require_success(venue.gateway.run_lbrouter("block", "encoder", "--yes"))
        assert not reaches(encoder)
        assert venue.gateway.run_lbrouter("block", "10.10.40.99").returncode == 64


def test_clients_by_rate(venue: Venue) -> None:
    guest, other = venue.client("guests"), venue.client("stream")
    require_success(venue.gateway.run_lbrouter("apply"))
    held = [
        guest.hold_connections(count=1, interval_ms=200),
        other.hold_connections(count=8, interval_ms=10),
    ]
    argv = ("clients", "--sort", "rate", "--limit", "1", "--json")
    found = json.loads(require_success(venue.gateway.run_lbrouter(*argv)))["clients"]
    [row.stop() for row in held]
    assert [row["vlan"] for row in found] == ["stream"]
