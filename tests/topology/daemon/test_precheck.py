"""The check before the show: RED without a daemon, better with each thing that is done."""

import json
from typing import Any

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = file_text(
    "hall",
    fiber(),
    lte("metered = true"),
    vlan_text("guests", "lan1", "10.10.40.1/22", "show"),
    failover_text("show", "fiber", "lte"),
)


def states(document: Any) -> dict[str, list[str]]:
    """By name, the states of its items."""
    found: dict[str, list[str]] = {}
    for check in document["checks"]:
        found.setdefault(check["name"], []).append(check["state"])
    return found


def test_the_verdict_follows_what_is_measured(build_venue: VenueBuilder) -> None:
    venue: Venue = build_venue(TEXT)
    gateway = venue.gateway
    require_success(gateway.run_lbrouter("apply"))
    done = gateway.run_lbrouter("precheck", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "RED")
    assert states(found)["daemon"] == ["fail"]
    with GatewayDaemon(gateway) as daemon:
        assert eventually(
            lambda: {each["state"] for each in daemon.status()["uplinks"].values()} == {"up"},
            within_s=20,
        )
        found = daemon.ask("precheck")
        by_name = states(found)
        assert by_name["daemon"] == by_name["kernel"] == ["ok"]
        assert by_name["line"] == ["warn", "warn"], "clean for less than ten minutes"
        assert by_name["pulled"] == ["warn", "warn"]
        assert by_name["data volume"] == by_name["copy"] == ["by hand"]
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: daemon.state("fiber") == "down")
        broken = daemon.ask("precheck")
        assert broken["verdict"] == "RED"
        assert states(broken)["line"] == ["fail", "warn"]
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=20)
        assert eventually(
            lambda: states(daemon.ask("precheck"))["pulled"] == ["ok", "warn"], within_s=10
        )
        done = gateway.run_lbrouter("precheck", "--lang", "id")
        assert "jalur" in done.stdout
        text = gateway.run_lbrouter("precheck").stdout
        assert "fiber was pulled today, and came back" in text
        assert text.rstrip().splitlines()[-1] in ("AMBER", "RED")  # RED where doctor says so
