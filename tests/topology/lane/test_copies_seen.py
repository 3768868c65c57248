"""`status` shows what becomes of a lane's copies on each line, measured in their own class."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lbrouter.rehearsal.lab.layout import VenueOptions
from tests.kit.commands import require_success
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LaneVenue, running_lane
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.wait import eventually

pytestmark = pytest.mark.usefixtures("wireguard")

DELAYS_MS = (("fiber", 10), ("lte", 40))
NARROW_CLASS = "tc class change dev wan2 parent 4c01:2000 classid 4c01:{:x} htb rate 8kbit ceil {}"
LTE_COPIES = 2 << 12 | 4003
"""The class of lane number 3 on line number 2 (docs/how-it-works.md, shaping)."""


@pytest.fixture
def lane() -> Iterator[LaneVenue]:
    with running_lane(LANE_CONFIG, options=VenueOptions(delay_ms=DELAYS_MS)) as found:
        yield found


def copies(lane: LaneVenue, line: str) -> Any:
    return lane.daemon.uplink("lane")["over"][line]


def test_loss_and_delay_are_those_of_each_line(lane: LaneVenue) -> None:
    known = eventually(
        lambda: all(copies(lane, each)["loss_percent"] == 0 for each in ("fiber", "lte")),
        within_s=20,
    )
    assert known, lane.daemon.uplink("lane")
    fiber, lte = (copies(lane, each)["rtt_ms"] for each in ("fiber", "lte"))
    assert 20 <= fiber < lte
    assert lte >= 80
    lane.venue.isp("lte").impair(loss_percent=30)
    assert eventually(lambda: copies(lane, "lte")["loss_percent"] > 10, within_s=30)
    assert copies(lane, "fiber")["loss_percent"] < 10


def test_what_our_own_queue_drops_of_the_copies_is_shown(lane: LaneVenue) -> None:
    """A class that is too small for the stream, made so by hand, on one line."""
    datagrams = NumberedDatagrams(lane.venue, "stream")
    assert eventually(lambda: datagrams.arrived_count > 200)
    assert eventually(lambda: copies(lane, "lte")["dropped_percent"] == 0, within_s=10)
    narrow = NARROW_CLASS.format(LTE_COPIES, "100kbit")

    def is_shown() -> bool:
        lane.venue.gateway.check_output(narrow.split())  # the daemon mends it
        return copies(lane, "lte")["dropped_percent"] > 0

    assert eventually(is_shown, within_s=30)
    assert copies(lane, "fiber")["dropped_percent"] == 0
    datagrams.stop()


def test_one_sentence_says_that_no_second_line_is_left(lane: LaneVenue) -> None:
    assert "second line" not in lane.daemon.uplink("lane")["reason"]
    lane.venue.isp("lte").set_blackhole(on=True)
    sentence = "no second line is left: fiber carries lane alone"
    assert eventually(lambda: sentence in lane.daemon.uplink("lane")["reason"], within_s=10)
    assert lane.daemon.state("lane") == "up"
    assert eventually(lambda: shown_copies(lane) == {"fiber": "yes", "lte": "no"}, within_s=20)
    row = json.loads(require_success(lane.venue.gateway.run_lbrouter("status", "--json")))
    assert row["uplinks"]["lane"]["over"].keys() == {"fiber", "lte"}


def shown_copies(lane: LaneVenue) -> dict[str, str]:
    """What `status` prints for each line of the lane."""
    rows = require_success(lane.venue.gateway.run_lbrouter("status")).splitlines()
    words = [row.split() for row in rows if row.startswith("lane ")]
    return {each[1]: each[2] for each in words if each[1] in ("fiber", "lte")}
