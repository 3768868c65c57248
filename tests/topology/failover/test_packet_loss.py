"""Real packet loss on a line: a policy that limits loss leaves it in time, another stays."""

import time

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

DEFAULT_TIMING_CONFIG = (
    FAILOVER_CONFIG.replace('interval = "100ms"\n', "")
    .replace('uplinks = ["lte"]', 'uplinks = ["fiber", "lte"]')
    .replace("[policies.backup]", 'tolerate = { loss = "2%" }\n[policies.backup]')
)
"""Probes at the default interval; the show limits loss, and the guests use the same line."""

DROP_ECHO_RULES = """
table inet silenced {
    chain up {
        type filter hook prerouting priority -500;
        iifname "line" icmp type echo-request counter drop
    }
}
"""
"""At a provider: everything passes except probes."""

REGULAR_LOSS_RULES = """
table inet lossy {
    chain both_ways {
        type filter hook prerouting priority -500;
        iifname "line" icmp type echo-request numgen inc mod 5 == 0 counter drop
        iifname { "line", "wan" } meta l4proto { tcp, udp } numgen inc mod 10 == 0 counter drop
    }
}
"""
"""At a provider: as much as 10 % each way, but regular. With chance in it, how long the evidence
takes has no bound; `python -m bench failing` says how it is spread then."""

LEAVE_WITHIN_S = 3.0

SHAPED_CONFIG = DEFAULT_TIMING_CONFIG.replace(
    'gateway = "203.0.113.1"', 'gateway = "203.0.113.1"\nupload = "8mbit"\ndownload = "20mbit"'
)


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(DEFAULT_TIMING_CONFIG)


def test_a_lossy_line_is_left_by_the_show_in_time_and_keeps_the_guests(
    venue: Venue,
) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        guests = venue.client("guests").hold_connections(count=3, interval_ms=50)
        venue.isp("fiber").check_output(["nft", "-f", "-"], stdin=REGULAR_LOSS_RULES)
        begun = time.monotonic()
        assert eventually(lambda: daemon.has_logged("move:", "show", "lte"), within_s=10)
        print("left after", time.monotonic() - begun)
        assert time.monotonic() - begun < LEAVE_WITHIN_S
        found = daemon.status()
        venue.isp("fiber").check_output(["nft", "delete", "table", "inet", "lossy"])
        assert found["uplinks"]["fiber"]["state"] == "degraded"
        assert "(show)" in found["uplinks"]["fiber"]["reason"]
        assert found["policies"]["show"]["active"] == ["lte"]
        assert found["policies"]["backup"]["active"] == ["fiber"]
        assert uplink_of_new_flow(venue) == "lte"
        rows = guests.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        assert {venue.uplink_of(row["seen"]) for row in rows} == {"fiber"}


def test_replies_to_clients_hold_a_line_and_one_way_streams_do_not(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        one_way = venue.client("guests").start_traffic(
            "udp", count=1, packets=2000, echo=False, interval_ms=5
        )
        held = venue.client("stream").hold_connections(count=3, interval_ms=20)
        assert eventually(lambda: any("udp" in row["flow"] for row in venue.internet.log()))
        assert daemon.state("fiber") == "up", "no reply to a one-way stream is no sign of death"
        venue.isp("fiber").check_output(["nft", "-f", "-"], stdin=DROP_ECHO_RULES)
        assert eventually(lambda: daemon.has_logged("move:", "show", "lte"), within_s=10)
        assert eventually(lambda: "connections go on" in daemon.uplink("fiber")["reason"])
        assert (daemon.state("fiber"), uplink_of_new_flow(venue)) == ("degraded", "lte")
        assert [row["error"] for row in held.stop() if row["error"]] == []
        assert eventually(lambda: daemon.has_logged("fiber is down")), (
            "a one-way stream is no sign of life"
        )
        assert len(one_way.result()) == 1


def test_a_line_that_we_fill_ourselves_moves_nothing(build_venue: VenueBuilder) -> None:
    venue = build_venue(SHAPED_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        begun = time.monotonic()
        upload = venue.client("guests").start_traffic(
            "flows", count=4, give=2_000_000, timeout_ms=40_000
        )
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["upload_bps"] > 7_000_000)
        rows = upload.result()
        assert [row["error"] for row in rows if row["error"]] == []
        assert time.monotonic() - begun > 7, "8 MB at 8 Mbit/s"
        assert daemon.events("move") == []
        assert daemon.state("fiber") == "up"
