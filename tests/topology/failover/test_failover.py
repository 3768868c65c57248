"""The daemon when lines fail: new flows move at once, flows on healthy lines are not touched."""

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def test_carrier_loss_moves_new_flows_and_no_flow_of_the_other_line(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert uplink_of_new_flow(venue) == "fiber"
        others = venue.client("guests").hold_connections(count=5, interval_ms=50)
        ping = venue.client("stream").start_ping(interval_ms=10)
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: daemon.has_logged("move:", "show", "lte"))
        assert uplink_of_new_flow(venue) == "lte"
        [pinged], kept = ping.stop(), others.stop()
        print("carrier:", daemon.events("move"), "udp gap ms", pinged["max_gap_ms"])
        assert [row["error"] for row in kept if row["error"]] == []
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        assert uplink_of_new_flow(venue) == "fiber"


def test_a_black_hole_is_noticed_and_left(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        held = venue.client("stream").hold_connections(count=1, interval_ms=50, timeout_ms=20_000)
        ping = venue.client("stream").start_ping(interval_ms=10)
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
        assert uplink_of_new_flow(venue) == "lte"
        [pinged] = ping.stop()
        print("black hole:", daemon.events("move"), "udp gap ms", pinged["max_gap_ms"])
        print("tcp:", held.stop())
        found = daemon.status()
        assert found["policies"]["show"]["active"] == ["lte"]
        assert found["uplinks"]["fiber"]["reason"]
