"""A client that only waits for data hears within two seconds that its line is dead."""

import time

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import (
    FIBER_IPV6,
    LTE_IPV6,
    failover_text,
    fiber,
    file_text,
    lte,
    vlan_text,
)
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import VM_SLOWDOWN, eventually
from tests.kit.waiting_clients import WaitingClient

IDLE_CONFIG = file_text(
    "idle",
    fiber(FIBER_IPV6),
    lte(LTE_IPV6),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show", 'address6 = "fd10:10::1/64"'),
    vlan_text("crew", "lan2", "10.10.40.1/24", "other", 'address6 = "fd10:40::1/64"'),
    vlan_text("alone", "lan3", "10.10.50.1/24", "one", 'address6 = "fd10:50::1/64"'),
    failover_text("show", "fiber", "lte"),
    failover_text("other", "lte", "fiber"),
    failover_text("one", "fiber"),
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
