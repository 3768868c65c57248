"""What an operator asked for outlives an edit of the file, also one that takes the line away."""

from pathlib import Path

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

LTE_SECTION = """[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
"""
THIRD_LINE_CONFIG = FAILOVER_CONFIG.replace(
    LTE_SECTION, LTE_SECTION + LTE_SECTION.replace("lte", "dsl").replace("wan2", "wan3")
).replace('uplinks = ["lte"]', 'uplinks = ["dsl", "lte"]')


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(THIRD_LINE_CONFIG)


def without_lte(text: str) -> str:
    """The venue's own file (`Venue.write_config` writes it anew) without that line."""
    start = text.index("[uplinks.lte]")
    end = text.index("\n[", start)
    return (text[:start] + text[end:]).replace('"lte", ', "").replace(', "lte"', "")


def told(daemon: GatewayDaemon) -> list[str]:
    return [each["text"] for each in daemon.events("wish")]


def test_a_pin_waits_for_its_line_and_holds_again_when_that_is_back(venue: Venue) -> None:
    gateway, path = venue.gateway, Path(venue.gateway.config_path)
    whole = path.read_text(encoding="utf-8")
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=10)
        require_success(gateway.run_lbrouter("uplink", "pin", "show", "lte"))
        assert uplink_of_new_flow(venue) == "lte"

        path.write_text(without_lte(whole), encoding="utf-8")
        applied = gateway.run_lbrouter("apply")
        require_success(applied)
        waits = "the pin of show to lte is kept and waiting for uplink lte"
        assert waits in " ".join(applied.stderr.split())
        assert any(waits in text for text in told(daemon))
        assert uplink_of_new_flow(venue) == "fiber"

        daemon.stop()  # it waits over a restart, too
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        path.write_text(whole, encoding="utf-8")
        require_success(gateway.run_lbrouter("apply"))
        assert "the pin of show to lte is in force again" in " ".join(told(daemon))
        assert daemon.status()["policies"]["show"]["pinned"] == "lte"
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=10)

        path.write_text(whole.replace("lte", "mobile"), encoding="utf-8")  # renamed: it goes along
        require_success(gateway.run_lbrouter("apply"))
        assert daemon.status()["policies"]["show"]["pinned"] == "mobile"
        daemon.stop()
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        assert daemon.status()["policies"]["show"]["pinned"] == "mobile"


def test_a_drain_waits_for_its_line_and_can_be_ended_meanwhile(venue: Venue) -> None:
    gateway, path = venue.gateway, Path(venue.gateway.config_path)
    whole = path.read_text(encoding="utf-8")
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=10)
        require_success(gateway.run_lbrouter("uplink", "drain", "lte"))
        for ended in (False, True):
            path.write_text(without_lte(whole), encoding="utf-8")
            require_success(gateway.run_lbrouter("apply"))
            if ended:
                require_success(gateway.run_lbrouter("uplink", "restore", "lte"))
            path.write_text(whole, encoding="utf-8")
            require_success(gateway.run_lbrouter("apply"))
            if not ended:
                assert eventually(lambda: daemon.state("lte") == "drained", within_s=10)
        assert eventually(lambda: daemon.state("lte") == "up", within_s=15)
