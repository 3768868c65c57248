"""The report of some seconds: its page and its JSON twin, from a real daemon's history."""

import json
import re

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import failover_text, fiber, file_text, lte, rates, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = file_text(
    "hall",
    fiber(rates(50)),
    lte(rates(20)),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show", 'upload = { guaranteed = "5mbit" }'),
    failover_text("show", "fiber", "lte"),
)


def test_the_report_holds_what_the_daemon_measured(build_venue: VenueBuilder) -> None:
    venue: Venue = build_venue(TEXT)
    gateway, client = venue.gateway, venue.client("stream")
    page, twin = gateway.state_dir.parent / "event.html", gateway.state_dir.parent / "event.json"
    argv = ("report", "--since", "5m", "-o", str(page))
    with GatewayDaemon(gateway) as daemon:
        assert eventually(
            lambda: {each["state"] for each in daemon.status()["uplinks"].values()} == {"up"},
            within_s=20,
        )
        held = client.hold_connections(count=20, interval_ms=20)

        def carried() -> int:
            require_success(gateway.run_lbrouter(*argv))
            found = json.loads(twin.read_text())["vlans"]["stream"]
            return int(found["upload_bytes"]) * bool(found["download_bytes"])

        assert eventually(lambda: carried() > 10_000, within_s=60)
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: daemon.state("fiber") == "down")
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=30)
        held.stop()
        require_success(gateway.run_lbrouter("limit", "stream", "10mbit", "--for", "1m"))
        events = daemon.ask("events", limit=1000, since="")["events"]
    require_success(gateway.run_lbrouter(*argv))  # the history is enough: no daemon runs
    found, text = json.loads(twin.read_text()), page.read_text()
    states = [e for e in events if (e["kind"], e["subject"]) == ("uplink", "fiber")]
    times = {e["more"]["after"]: e["at"] for e in states}
    assert 0 < found["uplinks"]["fiber"]["down_s"] < 60, times
    assert found["uplinks"]["lte"]["down_s"] == 0
    assert found["policies"]["show"]["moves"] >= 2
    assert [each["uplink"] for each in found["incidents"]] == ["fiber"]
    assert [each["by"] for each in found["orders"]] == ["root"]
    assert "<script" not in text
    assert not re.search(r"(src|href)=", text)
    assert f"{found['policies']['show']['longest_gap_s']:g} s" in text
    indonesian = require_success(gateway.run_lbrouter("report", "--since", "5m", "--lang", "id"))
    assert "Jalur" in indonesian
    assert gateway.run_lbrouter("report", "--since", "yesterday").returncode == 64
