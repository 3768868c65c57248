"""The venue of the fault table: two lines of 20 ms round trip, and three kinds of users."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.events import EventFollower
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

ONE_WAY_MS = 10
ROUND_TRIP_MS = 2 * ONE_WAY_MS

FAULT_CONFIG = file_text(
    "faults",
    fiber(),
    lte(),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show"),
    vlan_text("guests", "lan2", "10.10.40.1/24", "easy"),
    vlan_text("crew", "lan3", "10.10.50.1/24", "other"),
    failover_text("show", "fiber", "lte") + 'tolerate = { loss = "2%" }\n',
    failover_text("easy", "fiber", "lte"),
    failover_text("other", "lte", "fiber"),
    health="""
[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
""",
)
"""Probing as by default: every 200 ms, down after 800 ms. The crew is on the line that stays."""


@contextmanager
def running_gateway(
    text: str = FAULT_CONFIG, *, prepare: Callable[[Venue], Sequence[str]] = lambda _: ()
) -> Iterator[tuple[Venue, GatewayDaemon, EventFollower]]:
    """A venue of its own: a line that fails again and again returns later each time.

    The delay is there before the daemon starts, so that it knows no other round trip. `prepare`
    returns a command that runs the daemon.
    """
    config = parse(text.encode(), source="bench").config
    with Venue.build(config) as venue:
        for isp in venue.isps.values():
            isp.impair(delay_ms=ONE_WAY_MS)
        with (
            GatewayDaemon(venue.gateway, wrapper=prepare(venue)) as daemon,
            EventFollower(venue.gateway.runtime_dir) as events,
        ):
            wait_until(lambda: has_round_trips(daemon), "the daemon knows no round trip")
            yield venue, daemon, events


def has_round_trips(daemon: GatewayDaemon) -> bool:
    """Whether the daemon knows the round trip of each line."""
    return all(each["rtt_ms"] is not None for each in daemon.status()["uplinks"].values())


def wait_until(holds: Callable[[], bool], otherwise: str, *, within_s: float = 30) -> None:
    """Wait until `holds`; RuntimeError with `otherwise` when it takes too long."""
    if not eventually(holds, within_s=within_s):
        raise RuntimeError(f"{otherwise} (waited {within_s:.0f} s)")
