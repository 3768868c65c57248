"""Loss on a line, for real: who minds leaves, who does not stays, and in time."""

import time

import pytest

from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import VenueOf, eventually
from tests.topology.daemons import Daemon
from tests.topology.lines import lose, refuse_probes
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


def test_clients_that_get_replies_keep_their_line_though_no_target_answers(venue: Venue) -> None:
    with Daemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        held = venue.client("stream").hold(count=3, interval_ms=20)
        refuse_probes(venue.isp("fiber"))
        assert eventually(lambda: daemon.says("move:", "show", "lte"), within_s=10)
        assert eventually(
            lambda: "connections go on" in daemon.status()["uplinks"]["fiber"]["reason"]
        )
        assert carrier_of(venue) == "lte", "new flows avoid it"
        rows = held.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=10), "now it is silence"


def test_a_one_way_stream_is_no_sign_of_death_and_none_of_life(venue: Venue) -> None:
    with Daemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        stream = venue.client("stream").traffic(
            "udp", count=1, packets=600, echo=False, interval_ms=5
        )
        assert eventually(lambda: any("udp" in row["flow"] for row in venue.internet.log()))
        assert daemon.state("fiber") == "up"
        venue.isp("fiber").blackhole(on=True)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=3)
        assert not [row["error"] for row in stream.result() if row["error"]]
