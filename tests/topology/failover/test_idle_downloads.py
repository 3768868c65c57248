"""A client that only waits for data hears within two seconds that its line is dead."""

import time

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import FAST_HEALTH, GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import VM_SLOWDOWN, eventually
from tests.kit.waiting_clients import WaitingClient

IDLE_CONFIG = (
    FAST_HEALTH
    + """
[gateway]
name = "idle"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
address6 = "2001:db8:2::2/64"
gateway6 = "2001:db8:2::1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[vlans.crew]
port = "lan2"
address = "10.10.40.1/24"
address6 = "fd10:40::1/64"
policy = "other"

[vlans.alone]
port = "lan3"
address = "10.10.50.1/24"
address6 = "fd10:50::1/64"
policy = "one"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.other]
mode = "failover"
uplinks = ["lte", "fiber"]

[policies.one]
mode = "failover"
uplinks = ["fiber"]
"""
)
"""`alone` has no other line: nothing is better for it than to wait."""

VERSIONS = (4, 6)
CONNECTIONS = 5


def _lose_fiber(venue: Venue, fault: str) -> float:
    """The moment just before."""
    at = time.monotonic()
    if fault == "cable":
        venue.isp("fiber").set_carrier(up=False)
    else:
        venue.isp("fiber").set_blackhole(on=True)
    return at


@pytest.mark.parametrize("fault", ["cable", "black hole"])
def test_a_client_that_only_waits_is_told_within_two_seconds(
    build_venue: VenueBuilder, fault: str
) -> None:
    venue = build_venue(IDLE_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(
            lambda: all(daemon.state(name) == "up" for name in ("fiber", "lte")), within_s=20
        )
        waiting = {
            (vlan, version): WaitingClient(venue.client(vlan), version=version, count=CONNECTIONS)
            for vlan in ("stream", "crew", "alone")
            for version in VERSIONS
        }
        lines = {key: {venue.uplink_of(each) for each in w.seen} for key, w in waiting.items()}
        assert lines == {key: {"lte" if key[0] == "crew" else "fiber"} for key in waiting}
        at = _lose_fiber(venue, fault)
        assert eventually(
            lambda: all(waiting["stream", v].ended_count() == CONNECTIONS for v in VERSIONS),
            within_s=10,
        ), daemon.log_text()
        # the second round is 0.6 s after the first: what it must not touch is seen after it
        assert not eventually(
            lambda: any(
                waiting[vlan, v].ended_count() for vlan in ("crew", "alone") for v in VERSIONS
            ),
            within_s=1.5,
        )
        told = [row for v in VERSIONS for row in waiting["stream", v].stop()]
        assert {row["error"] for row in told} == {"Connection reset by peer"}
        assert max(row["ended"] - at for row in told) < 2 * VM_SLOWDOWN
        assert not daemon.has_logged("not told")
