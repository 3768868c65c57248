"""Who takes too many connections is told by name, while it happens."""

import json
import time
from pathlib import Path

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import counter_packets, mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.firewall.guest_flood import CROWD, answers_of, flood, hosts, udp_frames

TOLD_WITHIN_S = 10.0

LEASES = 'dhcp = { range = "10.10.40.20-10.10.40.250", lease = "2h" }\n'


def _text(folder: Path, *keys: str) -> str:
    """Two lines; `keys` in the section of the guests; each alert is a line of a file."""
    guests = 'policy = "spread"\n' + LEASES + "".join(f"{key}\n" for key in keys)
    alerts = f'\n[alerts]\ncommand = ["/bin/sh", "-c", "cat >> {folder}/alerts"]\n'
    return TWO_LINES.replace('policy = "spread"\n', guests, 1) + alerts


def _lease(venue: Venue, mac: str, address: str, name: str) -> None:
    """A device asked for an address and said its name, some time ago."""
    file = venue.gateway.state_dir / "dnsmasq.leases"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{int(time.time()) + 7200} {mac} {address} {name} *\n")


@pytest.mark.parametrize("connections, sent, word", [(100, 93, "near"), (100, 400, "at")])
def test_a_client_near_its_bound_is_told_with_its_name(
    build_venue: VenueBuilder, tmp_path: Path, connections: int, sent: int, word: str
) -> None:
    text = _text(tmp_path, f"connections = {connections}")
    venue = build_venue(text)
    venue.write_config(config_of(text))  # the lab itself sends no alerts
    guest = venue.client("guests")
    mac, address = mac_of(guest, "eth0"), str(guest.layout.ip_addresses(4)[0])
    _lease(venue, mac, address, "anna-laptop")
    require_success(venue.gateway.run_lbrouter("apply"))
    source, ports = [(bytes.fromhex(mac.replace(":", "")), address)], range(20000, 20000 + sent)

    def take_connections() -> None:
        flood(venue, udp_frames(venue, sources=source, ports=ports, to=(CROWD, 5)))

    with GatewayDaemon(venue.gateway) as daemon:
        begun = time.monotonic()
        take_connections()

        def is_told() -> bool:
            return daemon.has_logged("bound:", f"client anna-laptop ({mac}) of VLAN guests")

        assert eventually(is_told, within_s=TOLD_WITHIN_S)
        assert eventually(lambda: "anna-laptop" in _alerts(tmp_path), within_s=TOLD_WITHIN_S)
        print(f"told and alerted {time.monotonic() - begun:.1f} s after the first packet")
        assert time.monotonic() - begun < TOLD_WITHIN_S
        [row] = daemon.status()["vlans"]["guests"]["bound_clients"]
        assert row == {"name": "anna-laptop", "mac": mac, "bound": word}
        assert daemon.status()["vlans"]["stream"]["bound_clients"] == []
        take_connections()  # who opens none is told of for half a minute
        assert eventually(lambda: f"anna-laptop ({word} its bound)" in _status_text(venue))
    take_connections()
    listed = json.loads(require_success(venue.gateway.run_lbrouter("clients", "--json")))
    bounds = {client["mac"]: client["bound"] for client in listed["clients"]}
    assert bounds[mac] == word
    assert set(bounds.values()) == {word, None}
    take_connections()
    assert f"{word} its bound" in require_success(venue.gateway.run_lbrouter("clients"))


def test_a_vlan_at_its_budget_is_named(build_venue: VenueBuilder, tmp_path: Path) -> None:
    """Hundreds of forged machines: the VLAN is told at once, of the machines only some by name."""
    venue = build_venue(_text(tmp_path, 'budget = "1%"', "connections = 16"))
    require_success(venue.gateway.run_lbrouter("apply"))
    with GatewayDaemon(venue.gateway) as daemon:
        flood(
            venue,
            udp_frames(venue, sources=hosts(200), ports=range(20000, 20030), to=(CROWD, 5)),
        )
        assert eventually(
            lambda: daemon.has_logged("bound:", "the clients of VLAN guests have"),
            within_s=TOLD_WITHIN_S,
        )
        assert eventually(
            lambda: daemon.has_logged("bound:", "more clients came near the bound"),
            within_s=TOLD_WITHIN_S,
        )
        guests = daemon.status()["vlans"]["guests"]
        assert guests["bound"] in ("near", "at")
        assert len(guests["bound_clients"]) == 20
        lines = [line for line in daemon.log_text().splitlines() if " bound: client " in line]
        assert 0 < len(lines) <= 15
        assert eventually(lambda: daemon.status()["vlans"]["guests"]["bound"] is None, within_s=60)
        assert daemon.has_logged("bound:", "VLAN guests is no longer near its bound")


def test_a_device_that_borrows_the_encoders_address_harms_itself_alone(
    build_applied_venue: VenueBuilder,
) -> None:
    """The same hardware address on another VLAN is another client."""
    text = TWO_LINES.replace('policy = "spread"\n', 'policy = "spread"\nconnections = 100\n', 1)
    venue = build_applied_venue(text)
    encoder = bytes.fromhex(mac_of(venue.client("stream"), "eth0").replace(":", ""))
    frames = udp_frames(
        venue, sources=[(encoder, "10.10.40.77")], ports=range(20000, 20400), to=(CROWD, 5)
    )
    flood(venue, frames)
    assert counter_packets(venue, "crowded") > 0
    assert answers_of(venue, "stream") == [""] * 20


def _alerts(folder: Path) -> str:
    file = folder / "alerts"
    return file.read_text() if file.exists() else ""


def _status_text(venue: Venue) -> str:
    return require_success(venue.gateway.run_lbrouter("status"))
