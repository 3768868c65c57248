"""Shaping where the clients are tagged on one trunk: downloads are shaped at its parent device."""

import time
from collections.abc import Iterator

import pytest

from tests.topology.shaped import TAGGED, Venue

pytestmark = pytest.mark.needs("htb", "ifb", "u32", "nft", "vlan")


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
    options = ("-u", "-b", "30M", "-l", "1448", "-R")
    flows = [venue.flow("stream", "a", 5301, *options), venue.flow("guests", "a", 5302, *options)]
    classes = ("4c01:1001", "4c01:1002")
    venue.queued("lan", *classes)
    before, started = venue.leaves("lan", "bytes"), time.monotonic()
    venue.probe(0.9)
    after, took = venue.leaves("lan", "bytes"), time.monotonic() - started
    stream, guests = ((after[each] - before[each]) * 8 / took for each in classes)
    for flow in flows:
        flow.rate()
    assert stream + guests == pytest.approx(19e6, rel=0.03)
    assert guests > 2e6 * 0.97


def test_a_ceiling_stands_on_the_vlan_device(venue: Venue) -> None:
    venue.shape(guests='download = { guaranteed = "2mbit", ceiling = "6mbit" }')
    options = ("-u", "-b", "9M", "-l", "1448", "-R")
    flows = [venue.flow("guests", "a", 5303, *options), venue.flow("guests", "b", 5304, *options)]
    venue.queued("lan.20", "4c01:1002", "4c01:2002")
    had, started = venue.received("guests", "lan.20"), time.monotonic()
    venue.probe(0.9)
    rate = (venue.received("guests", "lan.20") - had) * 8 / (time.monotonic() - started)
    for flow in flows:
        flow.rate()
    # The far end's counter leaves out the Ethernet header, 14 bytes of 1490.
    assert rate * 1490 / 1476 == pytest.approx(6e6, rel=0.04)
