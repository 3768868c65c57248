"""From the boot to the daemon: no packet from outside reaches a client before the rules stand."""

import json
import subprocess

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.layout import SERVERS
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.failover.test_failover import TWO, carrier_of

BOOT = """
sysctl -q -w net.ipv4.ip_forward=1
ip link set wan1 up
ip link set wan2 up
ip link set lan1 up
ip addr add 203.0.113.2/30 dev wan1
ip addr add 10.10.10.1/24 dev lan1
ip route add default via 203.0.113.1
"""
"""What a machine may do at boot: forwarding switched on, addresses set, and nobody who judges."""


def boot(venue: Venue) -> None:
    """A gateway as some systems leave it before lbrouter, and a provider that routes inside."""
    venue.gateway.script(BOOT)
    venue.isp("fiber").check(["ip", "route", "replace", "10.10.10.0/24", "via", "203.0.113.2"])


def reaches_a_client(venue: Venue) -> bool:
    """Whether an echo request from the provider's side comes through to the client."""
    argv = ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", client_address(venue)]
    return venue.isp("fiber").run(argv).returncode == 0


def client_address(venue: Venue) -> str:
    text = venue.client("stream").check(["ip", "-json", "-4", "addr", "show", "scope", "global"])
    return str(json.loads(text)[0]["addr_info"][0]["local"])


def goes_out(venue: Venue) -> bool:
    argv = ["ping", "-n", "-c", "1", "-W", "1", str(SERVERS[0])]
    return venue.gateway.run(argv).returncode == 0


def test_closed_from_the_boot_to_the_daemon(venue_of: VenueOf) -> None:
    venue = venue_of(TWO)
    boot(venue)
    assert reaches_a_client(venue), "without a guard the test would prove nothing"
    assert "closed" in succeeded(venue.gateway.lbrouter("guard"))
    assert not reaches_a_client(venue)
    assert goes_out(venue), "the gateway itself waits for answers: time, names, leases"
    assert json.loads(succeeded(venue.gateway.lbrouter("status", "--json")))["applied"] is False
    assert "stands already" in succeeded(venue.gateway.lbrouter("guard"))
    seen = Watched(venue)
    with seen, Daemon(venue.gateway):
        assert eventually(lambda: carrier_of(venue) == "fiber", within_s=15)
        assert venue.gateway.lbrouter("guard").returncode == Exit.TRY_AGAIN
    assert seen.passed == 0
    assert not reaches_a_client(venue)
    succeeded(venue.gateway.lbrouter("down"))


class Watched:
    """Within the block the provider knocks at the client's door fifty times a second."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.passed = -1

    def __enter__(self) -> None:
        rules = (
            "add table inet seen",
            "add chain inet seen in { type filter hook input priority 0; }",
            "add rule inet seen in icmp type echo-request counter",
        )
        self._venue.client("stream").check(["nft", "; ".join(rules)])
        argv = ["ping", "-n", "-q", "-i", "0.02", "-w", "120", client_address(self._venue)]
        inside = process_netns.inside(self._venue.isp("fiber").namespace, argv)
        self._ping = subprocess.Popen(inside, stdout=subprocess.DEVNULL)

    def __exit__(self, *_: object) -> None:
        self._ping.terminate()
        self._ping.wait(10)
        listing = self._venue.client("stream").check(["nft", "list", "table", "inet", "seen"])
        self.passed = int(listing.split("packets ")[1].split()[0])


def test_it_closes_what_was_named_last_whatever_became_of_the_file(venue_of: VenueOf) -> None:
    venue = venue_of(TWO)
    gateway = venue.gateway
    gateway.config.write_text("nonsense", encoding="utf-8")
    assert gateway.lbrouter("guard").returncode == Exit.CONFIG
    venue.write_config(parse(TWO.encode(), source="x").config)
    succeeded(gateway.lbrouter("apply"))  # the baseline says: no forwarding
    succeeded(gateway.lbrouter("down"))
    boot(venue)
    gateway.config.write_text("nonsense", encoding="utf-8")
    succeeded(gateway.lbrouter("guard"))
    assert not reaches_a_client(venue)
    gateway.check(["nft", "delete", "table", "inet", "lbrouter"])
    venue.write_config(parse(TWO.replace("wan2", "wan9").encode(), source="x").config)
    succeeded(gateway.lbrouter("guard"))
    listing = gateway.check(["nft", "list", "set", "inet", "lbrouter", "named"])
    assert "wan2" in listing
    assert "wan9" in listing
    assert '"sysctls": {}' in (gateway.state_dir / "baseline.json").read_text(encoding="utf-8")
    venue.write_config(parse(TWO.encode(), source="x").config)
    succeeded(gateway.lbrouter("apply"))
    succeeded(gateway.lbrouter("down"))
    assert gateway.check(["sysctl", "-n", "net.ipv4.ip_forward"]).strip() == "1"
