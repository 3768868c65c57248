"""Shaping where the clients are tagged on one trunk: downloads are shaped at its parent device."""

import time
from collections.abc import Iterator

import pytest

from tests.kit.shaping_gateway import TAGGED_PORTS
from tests.kit.shaping_venue import ShapingVenue

pytestmark = pytest.mark.needs("htb", "ifb", "u32", "nft", "vlan")

LONG_FLOW_OPTIONS = ("-t", "60")
"""On an emulated processor it takes seconds to start the program that reads a counter."""

MIN_RATE_RATIO = 0.5
"""What such a processor manages of a rate; never may it be more."""


@pytest.fixture
def venue() -> Iterator[ShapingVenue]:
    built = ShapingVenue(TAGGED_PORTS)
    try:
        built.build()
        yield built
    finally:
        built.tear_down()


def test_the_class_of_a_download_survives_the_vlan_device(venue: ShapingVenue) -> None:
    """Both flood one uplink: the sum is the line's, and the unimportant one has its guarantee."""
    venue.apply_shaping(down=frozenset({"b"}))
    options = ("-u", "-b", "30M", "-l", "1448", "-R", *LONG_FLOW_OPTIONS)
    flows = [
        venue.start_flow("stream", "a", 5301, *options),
        venue.start_flow("guests", "a", 5302, *options),
    ]
    classes = ("4c01:1001", "4c01:1002")
    venue.wait_for_queue("lan", *classes)
    before, started = venue.leaf_counters("lan", "bytes"), time.monotonic()
    venue.ping(0.9)
    after, took = venue.leaf_counters("lan", "bytes"), time.monotonic() - started
    stream, guests = ((after[each] - before[each]) * 8 / took for each in classes)
    for flow in flows:
        flow.stop()
    assert MIN_RATE_RATIO * 19e6 < stream + guests < 19e6 * 1.04
    assert guests > MIN_RATE_RATIO * 2e6


def test_a_ceiling_stands_on_the_vlan_device(venue: ShapingVenue) -> None:
    venue.apply_shaping(guests='download = { guaranteed = "2mbit", ceiling = "6mbit" }')
    options = ("-u", "-b", "9M", "-l", "1448", "-R", *LONG_FLOW_OPTIONS)
    flows = [
        venue.start_flow("guests", "a", 5303, *options),
        venue.start_flow("guests", "b", 5304, *options),
    ]
    venue.wait_for_queue("lan.20", "4c01:1002", "4c01:2002")
    begin = venue.arrivals("guests", "lan.20")
    venue.ping(0.9)
    rate = begin.frame_bps(venue.arrivals("guests", "lan.20"))
    for flow in flows:
        flow.stop()
    # The far end's counter leaves out the Ethernet header, 14 bytes of 1490.
    assert MIN_RATE_RATIO * 6e6 < rate * 1490 / 1476 < 6e6 * 1.05
