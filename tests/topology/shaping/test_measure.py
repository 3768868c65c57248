"""A line is measured against what its provider lets through."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab.venue import Venue
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.shaping.test_temporary_limit import TEXT

pytestmark = [pytest.mark.needs("nft"), pytest.mark.slow]

RATES = 'upload = "20mbit"\ndownload = "20mbit"\n'
BARE = TEXT.replace(RATES, "")


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    """The provider of lte holds 20 Mbit/s each way; the file says nothing of it."""
    venue = venue_of(TEXT)
    venue.write_config(parse(BARE.encode(), source="bare").config)
    succeeded(venue.gateway.lbrouter("apply"))
    internet = venue.internet
    internet.start(["iperf3", "-s", "-B", "1.1.1.1"])
    assert eventually(lambda: ":5201" in internet.check(["ss", "-Hltn", "sport = :5201"]))
    return venue


def measured(venue: Venue, *words: str) -> Any:
    done = venue.gateway.lbrouter("measure", "lte", "--seconds", "3", "--json", *words)
    return json.loads(succeeded(done))


def test_a_line_is_proposed_as_it_is(venue: Venue, tmp_path: Path) -> None:
    for _ in range(3):  # again where TCP did not fill the line in these three seconds
        found = measured(venue, "--server", "1.1.1.1")
        lines = [found[way]["line_bps"] / 1e6 for way in ("upload", "download")]
        print("measured of 20 Mbit/s:", lines, found["idle"], found["upload"]["loaded"])
        if all(17 < each < 21 for each in lines):
            break
    assert all(17 < each < 21 for each in lines), lines
    assert found["upload"]["shaped"] is False
    assert found["snippet"].startswith("[uplinks.lte]\nupload   = ")
    assert found["idle"]["median_ms"] < 50
    with (tmp_path / "large").open("wb") as large:
        large.truncate(1 << 28)
    argv = [sys.executable, "-m", "http.server", "--bind", "1.1.1.1", "8088", "-d", str(tmp_path)]
    venue.internet.start(argv)
    listens = ["ss", "-Hltn", "sport = :8088"]
    assert eventually(lambda: ":8088" in venue.internet.check(listens))
    found = measured(venue, "--url", "http://1.1.1.1:8088/large")
    assert 18 < found["download"]["line_bps"] / 1e6 < 21
    assert found["upload"] is None  # that server takes no upload


def test_a_line_in_use_is_left_alone_and_mistakes_are_named(venue: Venue) -> None:
    gateway = venue.gateway
    refused = gateway.lbrouter("measure", "lte", "--server", "1.1.1.1:9")
    assert refused.returncode == Exit.TRY_AGAIN
    assert "port 9" in refused.stderr
    for words in (("lte",), ("nobody", "--server", "x"), ("lte", "--url", "ftp://x/")):
        assert gateway.lbrouter("measure", *words).returncode == Exit.USAGE
    load = ["iperf3", "-c", "1.1.1.1", "--bind-dev", "wan2", "-u", "-b", "5M", "-t", "20"]
    job = gateway.start(load)
    before = venue.isp("lte").bytes()[0]
    assert eventually(lambda: venue.isp("lte").bytes()[0] > before + 500_000)
    busy = gateway.lbrouter("measure", "lte", "--server", "1.1.1.1")
    job.close()
    assert busy.returncode == Exit.TRY_AGAIN
    assert "is in use" in busy.stderr
    assert "--yes" in busy.stderr
