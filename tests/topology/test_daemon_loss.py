"""Loss on a line, for real: who minds leaves, who does not stays, and in time."""

import time

import pytest

from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import VenueOf, eventually
from tests.topology.daemons import Daemon
from tests.topology.lines import lose
from tests.topology.test_daemon_failover import TWO, carrier_of

USUAL = (
    TWO.replace('interval = "100ms"\n', "")
    .replace('uplinks = ["lte"]', 'uplinks = ["fiber", "lte"]')
    .replace("[policies.backup]", 'tolerate = { loss = "2%" }\n[policies.backup]')
)
"""Probes at the usual interval; the show minds loss, and the guests take the same line."""


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return venue_of(USUAL)


def test_ten_percent_each_way_moves_the_show_in_time_and_leaves_the_guests(venue: Venue) -> None:
    with Daemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        guests = venue.client("guests").hold(count=3, interval_ms=50)
        lose(venue.isp("fiber"), percent=10)
        begun = time.monotonic()
        assert eventually(lambda: daemon.says("move:", "show", "lte"), within_s=10)
        print("left after", time.monotonic() - begun)
        assert time.monotonic() - begun < 4, "three seconds, and one for a busy machine"
        found = daemon.status()
        lose(venue.isp("fiber"), percent=0)
        assert found["uplinks"]["fiber"]["state"] == "degraded"
        assert "(show)" in found["uplinks"]["fiber"]["reason"]
        assert found["policies"]["show"]["active"] == ["lte"]
        assert found["policies"]["backup"]["active"] == ["fiber"]
        assert carrier_of(venue) == "lte"
        rows = guests.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        assert {venue.uplink_of(row["seen"]) for row in rows} == {"fiber"}
