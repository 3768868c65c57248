"""A venue with a lane over two lines, and the faults that are played on its lines."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

LANE_LINES = {"fiber": ("wan1", 50), "lte": ("wan2", 30)}
"""Interface, and what the line carries in Mbit/s, each way."""

LINES_CONFIG = """
[gateway]
name = "lane"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
up_after = "1s"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "50mbit"
download = "50mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "30mbit"
download = "30mbit"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
priority = 1
upload = { guaranteed = "14mbit" }
download = { guaranteed = "4mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "rest"
upload = { guaranteed = "2mbit" }

[policies.rest]
mode = "balance"
sticky = "0s"
uplinks = ["fiber", "lte"]

[policies.show]
mode = "failover"
tolerate = { loss = "2%" }
"""

LANE_CONFIG = (
    LINES_CONFIG
    + """
uplinks = ["lane", "fiber", "lte"]

[uplinks.lane]
address = "lane"
over = ["fiber", "lte"]
relay = "45.79.1.7:51820"
"""
)
NO_LANE_CONFIG = LINES_CONFIG + 'uplinks = ["fiber", "lte"]\n'

UNSHAPED_LANE_CONFIG = "\n".join(
    line
    for line in LANE_CONFIG.splitlines()
    if not line.startswith(("upload", "download", "priority"))
)

LANE_START_TIMEOUT_S = 30.0
LINE_RETURN_TIMEOUT_S = 60.0
"""A line that lost packets must have been clean for half a minute before its policies return."""


_PAUSE = threading.Event()
"""Never set: waiting for it is the time that a fault lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneVenue:
    """A venue whose daemon runs, with the lane up, or without a lane (`has_lane` False)."""

    venue: Venue
    daemon: GatewayDaemon
    has_lane: bool

    def carrying(self) -> dict[str, bool]:
        """Whether each line carries copies now."""
        over = self.daemon.uplink("lane")["over"]
        return {name: bool(each["carrying"]) for name, each in over.items()}

    def is_whole(self) -> bool:
        """Whether the lane is up and every line carries copies; without a lane, is up.

        A line carries as soon as it answers, and is `up` again only after its hold-down.
        """
        if self.has_lane:
            return self.daemon.state("lane") == "up" and all(self.carrying().values())
        status = self.daemon.status()["uplinks"]
        return all(each["state"] == "up" for each in status.values())

    def wait_until_carrying(self, but_for: str) -> None:
        """Until every line but one carries, and the lane is up: that one may fail."""

        def others_carry() -> bool:
            rest = [carries for name, carries in self.carrying().items() if name != but_for]
            return self.daemon.state("lane") == "up" and all(rest)

        carrying = eventually(others_carry, within_s=LINE_RETURN_TIMEOUT_S)
        assert carrying, self.daemon.status()["uplinks"]

    def wait_until_whole(self) -> None:
        """Until `is_whole`; an assertion with what is not."""
        whole = eventually(self.is_whole, within_s=LINE_RETURN_TIMEOUT_S)
        assert whole, self.daemon.status()["uplinks"]


@contextmanager
def running_lane(
    text: str = LANE_CONFIG, *, options: VenueOptions | None = None
) -> Iterator[LaneVenue]:
    """A venue of `text` with its daemon, when all is up."""
    config = parse(text.encode(), source="lane").config
    with (
        Venue.build(config, options=options) as venue,
        GatewayDaemon(venue.gateway) as daemon,
    ):
        found = LaneVenue(venue=venue, daemon=daemon, has_lane=bool(config.lanes()))
        assert eventually(found.is_whole, within_s=LANE_START_TIMEOUT_S), daemon.status()
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFault:
    """A fault of `line` that lasts some seconds, and is gone when `play` returns."""

    title: str
    line: str
    play: Callable[[Venue, float], None]


def _pull(line: str) -> Callable[[Venue, float], None]:
    def play(venue: Venue, seconds: float) -> None:
        venue.isp(line).set_carrier(up=False)
        _PAUSE.wait(seconds)
        venue.isp(line).set_carrier(up=True)

    return play


def _swallow(line: str) -> Callable[[Venue, float], None]:
    def play(venue: Venue, seconds: float) -> None:
        venue.isp(line).set_blackhole(on=True)
        _PAUSE.wait(seconds)
        venue.isp(line).set_blackhole(on=False)

    return play


def _lose(line: str, percent: float) -> Callable[[Venue, float], None]:
    def play(venue: Venue, seconds: float) -> None:
        venue.isp(line).impair(loss_percent=percent)
        _PAUSE.wait(seconds)
        venue.isp(line).impair()

    return play


def _flap(line: str) -> Callable[[Venue, float], None]:
    def play(venue: Venue, seconds: float) -> None:
        venue.isp(line).flap(times=max(1, round(seconds)), period_s=1.0)

    return play


LINE_FAULTS = (
    LineFault(title="the other line: black hole", line="lte", play=_swallow("lte")),
    LineFault(title="cable pulled", line="fiber", play=_pull("fiber")),
    LineFault(title="black hole", line="fiber", play=_swallow("fiber")),
    LineFault(title="cable in and out, once a second", line="fiber", play=_flap("fiber")),
    LineFault(title="20 % loss each way", line="fiber", play=_lose("fiber", 20)),
)
"""Faults of one line at a time. A line that lost packets is trusted again only after half a minute;
so those that lose some are the last."""
