"""`systemctl reload` says what `apply` says; without a daemon `status` says what is in force."""

import json
from pathlib import Path

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

MISSING = "this machine has no such interface now"
NOT_IN_FORCE = "the file on disk is not in force"


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def test_a_reload_tells_of_an_interface_that_is_not_there(venue: Venue) -> None:
    gateway, path = venue.gateway, Path(venue.gateway.config_path)
    with GatewayDaemon(gateway) as daemon:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"wan2"', '"wan7"'), encoding="utf-8")
        daemon.reload()
        assert eventually(lambda: daemon.has_logged("uplinks.lte.interface", MISSING), within_s=20)
        [told] = [each["text"] for each in daemon.events("trouble") if MISSING in each["text"]]
        shown = " ".join(gateway.run_lbrouter("apply").stderr.split())
        assert told.removeprefix("warning: ") in shown


def test_without_a_daemon_status_describes_what_is_in_force(venue: Venue) -> None:
    gateway, path = venue.gateway, Path(venue.gateway.config_path)
    require_success(gateway.run_lbrouter("apply"))
    text = path.read_text(encoding="utf-8")
    assert NOT_IN_FORCE not in require_success(gateway.run_lbrouter("status"))

    for other in (text.replace("lte", "mobile"), "no configuration"):
        path.write_text(other, encoding="utf-8")
        shown = gateway.run_lbrouter("status", "--json")
        document = json.loads(require_success(shown))
        assert list(document["uplinks"]) == ["fiber", "lte"]
        assert document["unapplied_file"]
        assert NOT_IN_FORCE in require_success(gateway.run_lbrouter("status"))

    path.write_text(text.replace("lte", "mobile"), encoding="utf-8")
    require_success(gateway.run_lbrouter("down"))
    document = json.loads(require_success(gateway.run_lbrouter("status", "--json")))
    assert (list(document["uplinks"]), document["unapplied_file"]) == (["fiber", "mobile"], False)
    path.unlink()
    assert gateway.run_lbrouter("status").returncode == ExitCode.CONFIG
