"""The venue of the fault table: two lines of 20 ms round trip, and three kinds of users."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.events import EventFollower
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

ONE_WAY_MS = 10
ROUND_TRIP_MS = 2 * ONE_WAY_MS

FAULT_CONFIG = """
[gateway]
name = "faults"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]

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
policy = "easy"

[vlans.crew]
port = "lan3"
address = "10.10.50.1/24"
policy = "other"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
tolerate = { loss = "2%" }

[policies.easy]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.other]
mode = "failover"
uplinks = ["lte", "fiber"]
"""
"""Probing as by default: every 200 ms, down after 800 ms. The crew is on the line that stays."""


@contextmanager
def running_gateway(
    text: str = FAULT_CONFIG,
) -> Iterator[tuple[Venue, GatewayDaemon, EventFollower]]:
    """A venue of its own for `text`: a line that fails again and again returns later each time.

    The delay is there before the daemon starts, so that it knows no other round trip.
    """
    config = parse(text.encode(), source="bench").config
    with Venue.build(config) as venue:
        for isp in venue.isps.values():
            isp.impair(delay_ms=ONE_WAY_MS)
        with (
            GatewayDaemon(venue.gateway) as daemon,
            EventFollower(venue.gateway.runtime_dir) as events,
        ):
            wait_until(lambda: _has_round_trips(daemon), "the daemon knows no round trip")
            yield venue, daemon, events


def _has_round_trips(daemon: GatewayDaemon) -> bool:
    return all(each["rtt_ms"] is not None for each in daemon.status()["uplinks"].values())


def wait_until(holds: Callable[[], bool], otherwise: str, *, within_s: float = 30) -> None:
    """Wait until `holds`; RuntimeError with `otherwise` when it takes too long."""
    if not eventually(holds, within_s=within_s):
        raise RuntimeError(f"{otherwise} (waited {within_s:.0f} s)")
