"""From the boot to the daemon: no packet from outside reaches a client before the rules exist."""

import json
import subprocess

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.layout import INTERNET_SERVERS
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

BOOT_SCRIPT = """
sysctl -q -w net.ipv4.ip_forward=1
ip link set wan1 up
ip link set wan2 up
ip link set lan1 up
ip addr add 203.0.113.2/30 dev wan1
ip addr add 10.10.10.1/24 dev lan1
ip route add default via 203.0.113.1
"""
"""What a machine may do at boot: forwarding switched on, addresses set, and no firewall."""


def simulate_boot(venue: Venue) -> None:
    """A gateway as some systems leave it before lbrouter, and a provider that routes inside."""
    venue.gateway.run_script(BOOT_SCRIPT)
    venue.isp("fiber").check_output(
        ["ip", "route", "replace", "10.10.10.0/24", "via", "203.0.113.2"]
    )


def provider_reaches_client(venue: Venue) -> bool:
    """Whether an echo request from the provider's side comes through to the client."""
    argv = ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", client_address(venue)]
    return venue.isp("fiber").run(argv).returncode == 0


def client_address(venue: Venue) -> str:
    text = venue.client("stream").check_output(
        ["ip", "-json", "-4", "addr", "show", "scope", "global"]
    )
    return str(json.loads(text)[0]["addr_info"][0]["local"])


def gateway_reaches_internet(venue: Venue) -> bool:
    """Whether any of five echo requests is answered: what matters is the way, not the loss."""
    argv = ["ping", "-n", "-c", "5", "-i", "0.2", "-W", "1", str(INTERNET_SERVERS[0])]
    return venue.gateway.run(argv).returncode == 0


def test_closed_from_the_boot_to_the_daemon(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    simulate_boot(venue)
    assert provider_reaches_client(venue), "without a guard the test would prove nothing"
    assert "closed" in require_success(venue.gateway.run_lbrouter("guard"))
    assert not provider_reaches_client(venue)
    assert gateway_reaches_internet(venue), (
        "the gateway itself waits for answers: time, names, leases"
    )
    assert (
        json.loads(require_success(venue.gateway.run_lbrouter("status", "--json")))["applied"]
        is False
    )
    assert "loaded already" in require_success(venue.gateway.run_lbrouter("guard"))
    seen = UninvitedPings(venue)
    with seen, GatewayDaemon(venue.gateway):
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber", within_s=15)
        assert venue.gateway.run_lbrouter("guard").returncode == ExitCode.TRY_AGAIN
    assert seen.received_count == 0
    assert not provider_reaches_client(venue)
    require_success(venue.gateway.run_lbrouter("down"))


class UninvitedPings:
    """Within the block the provider sends packets to the client fifty times a second."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.received_count = -1

    def __enter__(self) -> None:
        rules = (
            "add table inet seen",
            "add chain inet seen in { type filter hook input priority 0; }",
            "add rule inet seen in icmp type echo-request counter",
        )
        self._venue.client("stream").check_output(["nft", "; ".join(rules)])
        argv = ["ping", "-n", "-q", "-i", "0.02", "-w", "120", client_address(self._venue)]
        inside = process_netns.exec_argv(self._venue.isp("fiber").namespace, argv)
        self._ping = subprocess.Popen(inside, stdout=subprocess.DEVNULL)

    def __exit__(self, *_: object) -> None:
        self._ping.terminate()
        self._ping.wait(10)
        listing = self._venue.client("stream").check_output(
            ["nft", "list", "table", "inet", "seen"]
        )
        self.received_count = int(listing.split("packets ")[1].split()[0])


def test_it_closes_what_was_named_last_whatever_became_of_the_file(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    gateway = venue.gateway
    gateway.config_path.write_text("nonsense", encoding="utf-8")
    assert gateway.run_lbrouter("guard").returncode == ExitCode.CONFIG
    venue.write_config(parse(FAILOVER_CONFIG.encode(), source="x").config)
    require_success(gateway.run_lbrouter("apply"))  # the baseline says: no forwarding
    require_success(gateway.run_lbrouter("down"))
    simulate_boot(venue)
    gateway.config_path.write_text("nonsense", encoding="utf-8")
    require_success(gateway.run_lbrouter("guard"))
    assert not provider_reaches_client(venue)
    gateway.check_output(["nft", "delete", "table", "inet", "lbrouter"])
    venue.write_config(parse(FAILOVER_CONFIG.replace("wan2", "wan9").encode(), source="x").config)
    require_success(gateway.run_lbrouter("guard"))
    listing = gateway.check_output(["nft", "list", "set", "inet", "lbrouter", "known_interfaces"])
    assert "wan2" in listing
    assert "wan9" in listing
    assert '"sysctls": {}' in (gateway.state_dir / "baseline.json").read_text(encoding="utf-8")
    venue.write_config(parse(FAILOVER_CONFIG.encode(), source="x").config)
    require_success(gateway.run_lbrouter("apply"))
    require_success(gateway.run_lbrouter("down"))
    assert gateway.check_output(["sysctl", "-n", "net.ipv4.ip_forward"]).strip() == "1"
