"""Every verb on an Indonesian screen: no English sentence is left, whatever it has to say."""

import re
from typing import Final

import pytest

from lbrouter.cli.verbs import VERBS
from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.translation_gaps import english_words
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = file_text(
    "verbs",
    fiber('upload = "20mbit"'),
    lte('upload = "10mbit"', "metered = true"),
    vlan_text("guests", "lan1", "10.10.40.1/22", "spread", 'upload = { guaranteed = "8mbit" }'),
    vlan_text("desk", "lan2", "10.10.99.1/24", "show", "manage = true", 'reach = ["guests"]'),
    """[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
""",
    failover_text("show", "fiber", "lte"),
)

CONTRADICTIONS = TEXT.replace('"show"', '"shwo"', 1).replace("10.10.99.1/24", "10.10.40.9/24")
NO_TOML = TEXT.replace('upload = "20mbit"', "upload = 20 mbit")
WRONG_VALUES = TEXT.replace('"20mbit"', '"20 MB/s"').replace("manage = true", "manage = 1")

STEP: Final = re.compile(r"^(\[#\] )?(ip|nft|tc|sysctl|kill|dnsmasq|wg)\b.*?(  # |$)")
"""A step in the words of ip, nft or tc; its reason stands behind it."""

WITHOUT_DAEMON = (
    "check", "plan", "apply", "apply --confirm-within 60s", "apply", "confirm", "confirm",
    "rollback", "status", "clients", "events --brief", "events --since tomorrow", "doctor",
    "guard", "explain guests 8.8.8.8", "explain desk guests", "explain gateway 8.8.8.8",
    "explain desk lost", "explain 10.10.40.9 10.10.99.1 --protocol esp", "explain nobodys 8.8.8.8",
    "explain 192.0.2.9 203.0.113.2", "limit guests 5mbit", "limit guests 5",
    "limit guests off --for 1m", "uplink drain fiber", "uplink pin show lte", "uplink restore lte",
    "measure fiber", "measure wan --url http://x/", "measure fiber --url x", "relay setup fiber",
    "relay setup tunnel", "init", "apply --confirm-within soon", "apply --confirm-within 9d",
    "down", "down", "status", "precheck", "why 10.10.40.9", "block 10.10.40.9", "unblock lost",
    "config list", "config diff", "alerts test", "report --since 5m -o /dev/null",
)  # fmt: skip

WITH_DAEMON = (
    "status", "apply", "plan", "limit guests 4mbit", "limit guests 4mbit --yes --for 10m",
    "limit guests off", "limit halls 4mbit", "uplink drain fiber", "uplink drain lte",
    "uplink pin show wan", "uplink pin show lte", "uplink pin spread fiber",
    "uplink restore fiber", "uplink restore lte", "clients", "events", "events --brief", "confirm",
    "rollback", "run", "down", "guard", "apply --confirm-within 60s", "status", "apply",
    "rollback", "events", "why 10.10.40.9", "why lost", "block 02:00:00:00:00:09 --for 10m",
    "clients", "unblock 02:00:00:00:00:09", "unblock 02:00:00:00:00:09", "precheck",
    "login lost", "login fiber", "config list", "config diff", "config undo", "rollback",
    "alerts test", "plan --brief",
)  # fmt: skip


def said(gateway: GatewayHost, command: str, language: str) -> list[str]:
    """The lines that a verb prints, without the commands in them."""
    done = gateway.run_lbrouter(*command.split(), "--lang", language)
    assert "Traceback" not in done.stderr
    return [STEP.sub("", line) for line in (done.stdout + done.stderr).splitlines()]


def english_lines(gateway: GatewayHost, *commands: str) -> list[str]:
    """The lines with an English word in them that is no name, no key and no command."""
    lines = []
    for command in commands:
        printed = said(gateway, command, "id")
        assert any(printed) or command.startswith("events"), command
        lines += [f"{command}: {line}" for line in printed if english_words(line)]
    return lines


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(TEXT)


def test_verbs_without_a_daemon(venue: Venue) -> None:
    assert english_lines(venue.gateway, *WITHOUT_DAEMON) == []


def test_what_is_wrong_with_a_file(venue: Venue) -> None:
    gateway = venue.gateway
    for text in (CONTRADICTIONS, NO_TOML, WRONG_VALUES):
        gateway.config_path.write_text(text, encoding="utf-8")
        assert english_words(" ".join(said(gateway, "check", "en")))
        assert english_lines(gateway, "check", "plan", "apply", "status", "explain a b") == []
    gateway.config_path.unlink()
    assert english_lines(gateway, "check", "apply") == []


def test_verbs_beside_a_daemon(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway):
        assert english_lines(gateway, *WITH_DAEMON) == []


def test_a_repair_in_the_timeline(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        gateway.check_output(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
        assert eventually(lambda: "repair" in kinds_of_events(daemon), within_s=20)
        text = " ".join(said(gateway, "events", "id"))
        assert "program lain mengubah pengaturan lbrouter" in text
        assert english_lines(gateway, "events") == []


def test_damaged_files_of_the_state_directory(venue: Venue) -> None:
    gateway = venue.gateway
    assert english_lines(gateway, "apply") == []
    for file in gateway.state_dir.glob("*.json*"):
        file.write_bytes(b"no state file")
    assert "rusak" in " ".join(said(gateway, "plan", "id"))
    assert english_lines(gateway, "plan", "status") == []


def test_no_verb_is_forgotten() -> None:
    said_here = {command.split()[0] for command in (*WITHOUT_DAEMON, *WITH_DAEMON)}
    assert set(VERBS) - said_here == {"rehearse"}


def kinds_of_events(daemon: GatewayDaemon) -> set[str]:
    return {event["kind"] for event in daemon.ask("events")["events"]}
