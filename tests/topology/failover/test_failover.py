"""The daemon under faults of the lines: new flows move at once, healthy lines feel nothing."""

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import FAST_HEALTH, GatewayDaemon
from tests.topology.conftest import VenueBuilder, eventually

FAILOVER_CONFIG = (
    FAST_HEALTH
    + """
[gateway]
name = "failover"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "backup"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.backup]
mode = "failover"
uplinks = ["lte"]
"""
)


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def uplink_of_new_flow(venue: Venue) -> str | None:
    """The uplink that a new flow takes; where it fails, what became of it: one may ask again."""
    [row] = venue.client("stream").open_flows(count=1)
    return f"none: {row['error']}" if row["error"] else venue.uplink_of(row["seen"])


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
