"""The time zone that a document names, and what a machine that lacks it does."""

from zoneinfo import ZoneInfo

import pytest

from lbrouter.compile.report.clock import zone_key, zone_of_key


@pytest.mark.parametrize("zone", [None, ZoneInfo("Asia/Jakarta"), ZoneInfo("UTC")])
def test_a_zone_goes_through_a_document(zone: ZoneInfo | None) -> None:
    assert zone_key(zone_of_key(zone_key(zone))) == zone_key(zone)


@pytest.mark.parametrize("key", ["", "Asia/Nowhere", "../etc/passwd", "\0"])
def test_a_zone_that_this_machine_lacks_is_the_machine_s(key: str) -> None:
    assert zone_of_key(key) is None
