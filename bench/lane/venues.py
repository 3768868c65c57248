"""The venues of the lane's benchmarks, and which WireGuard ran."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.figures import Figure
from lbrouter.kernel.read.features import features
from lbrouter.rehearsal.lab.layout import VenueOptions
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LaneVenue, running_lane

LINE_DELAYS_MS = (("fiber", 10), ("lte", 20))
"""One way; the round trips differ by 20 ms."""

ROUND_TRIP_DIFFERENCE_MS = 20


@contextmanager
def delayed_lane(text: str = LANE_CONFIG) -> Iterator[LaneVenue]:
    """A venue of its own with the delays of real lines, when all is up."""
    with running_lane(text, options=VenueOptions(delay_ms=LINE_DELAYS_MS)) as found:
        yield found


def wireguard_row() -> Figure:
    """Which WireGuard the rows beside it are about."""
    kernel = "wireguard" in features()
    seen = "the kernel's" if kernel else "wireguard-go: this kernel has none"
    return Figure(what="lane: WireGuard that ran", promise="said", seen=seen, runs=1)
