"""Shaping where the clients are tagged on one trunk: downloads are shaped at its parent device."""

import time
from collections.abc import Iterator

import pytest

from tests.kit.shaping_venue import TAGGED, Venue

pytestmark = pytest.mark.needs("htb", "ifb", "u32", "nft", "vlan")

LONG = ("-t", "60")
"""On an emulated processor it takes seconds to start the program that reads a counter."""

SLOWEST = 0.5
"""What such a processor manages of a rate; never may it be more."""


@pytest.fixture
def venue() -> Iterator[Venue]:
    built = Venue(TAGGED)
    try:
        built.build()
        yield built
    finally:
        built.tear_down()


def test_the_class_of_a_download_survives_the_vlan_device(venue: Venue) -> None:
    """Both flood one uplink: the sum is the line's, and the unimportant one has its guarantee."""
    venue.shape(down=frozenset({"b"}))
    options = ("-u", "-b", "30M", "-l", "1448", "-R", *LONG)
    flows = [venue.flow("stream", "a", 5301, *options), venue.flow("guests", "a", 5302, *options)]
    classes = ("4c01:1001", "4c01:1002")
    venue.queued("lan", *classes)
    before, started = venue.leaves("lan", "bytes"), time.monotonic()
    venue.probe(0.9)
    after, took = venue.leaves("lan", "bytes"), time.monotonic() - started
    stream, guests = ((after[each] - before[each]) * 8 / took for each in classes)
    for flow in flows:
        flow.stop()
    assert SLOWEST * 19e6 < stream + guests < 19e6 * 1.04
    assert guests > SLOWEST * 2e6


def test_a_ceiling_stands_on_the_vlan_device(venue: Venue) -> None:
    venue.shape(guests='download = { guaranteed = "2mbit", ceiling = "6mbit" }')
    options = ("-u", "-b", "9M", "-l", "1448", "-R", *LONG)
    flows = [venue.flow("guests", "a", 5303, *options), venue.flow("guests", "b", 5304, *options)]
    venue.queued("lan.20", "4c01:1002", "4c01:2002")
    had, started = venue.received("guests", "lan.20"), time.monotonic()
    venue.probe(0.9)
    rate = (venue.received("guests", "lan.20") - had) * 8 / (time.monotonic() - started)
    for flow in flows:
        flow.stop()
    # The far end's counter leaves out the Ethernet header, 14 bytes of 1490.
    assert SLOWEST * 6e6 < rate * 1490 / 1476 < 6e6 * 1.05
