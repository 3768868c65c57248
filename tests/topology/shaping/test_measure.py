"""A line's measured rate, compared with the rate that its provider allows."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import LIMIT_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

pytestmark = [pytest.mark.needs("nft"), pytest.mark.slow]

RATE_KEYS = 'upload = "20mbit"\ndownload = "20mbit"\n'
CONFIG_WITHOUT_RATES = LIMIT_CONFIG.replace(RATE_KEYS, "")


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """The provider of lte holds 20 Mbit/s each way; the file says nothing of it."""
    venue = build_venue(LIMIT_CONFIG)
    venue.write_config(parse(CONFIG_WITHOUT_RATES.encode(), source="bare").config)
    require_success(venue.gateway.run_lbrouter("apply"))
    internet = venue.internet
    internet.start(["iperf3", "-s", "-B", "1.1.1.1"])
    assert eventually(lambda: ":5201" in internet.check_output(["ss", "-Hltn", "sport = :5201"]))
    return venue


def measure(venue: Venue, *words: str) -> Any:
    done = venue.gateway.run_lbrouter("measure", "lte", "--seconds", "3", "--json", *words)
    return json.loads(require_success(done))


def test_a_line_is_proposed_as_it_is(venue: Venue, tmp_path: Path) -> None:
    found = measure(venue, "--server", "1.1.1.1")
    lines = [found[direction]["line_bps"] / 1e6 for direction in ("upload", "download")]
    print("measured of 20 Mbit/s:", lines, found["idle"], found["upload"]["loaded"])
    assert all(18 < each < 21 for each in lines), lines
    assert found["upload"]["shaped"] is False
    assert found["snippet"].startswith("[uplinks.lte]\nupload   = ")
    assert found["idle"]["median_ms"] < 50
    with (tmp_path / "large").open("wb") as large:
        large.truncate(1 << 28)
    argv = [sys.executable, "-m", "http.server", "--bind", "1.1.1.1", "8088", "-d", str(tmp_path)]
    venue.internet.start(argv)
    listens = ["ss", "-Hltn", "sport = :8088"]
    assert eventually(lambda: ":8088" in venue.internet.check_output(listens))
    found = measure(venue, "--url", "http://1.1.1.1:8088/large")
    assert 18 < found["download"]["line_bps"] / 1e6 < 21
    assert found["upload"] is None  # that server takes no upload


def test_a_line_in_use_is_left_alone_and_mistakes_are_named(venue: Venue) -> None:
    gateway = venue.gateway
    refused = gateway.run_lbrouter("measure", "lte", "--server", "1.1.1.1:9")
    assert refused.returncode == ExitCode.TRY_AGAIN
    assert "port 9" in refused.stderr
    for words in (("lte",), ("nobody", "--server", "x"), ("lte", "--url", "ftp://x/")):
        assert gateway.run_lbrouter("measure", *words).returncode == ExitCode.USAGE
    load = ["iperf3", "-c", "1.1.1.1", "--bind-dev", "wan2", "-u", "-b", "5M", "-t", "120"]
    job = gateway.start(load)
    before = venue.isp("lte").byte_counts()[0]
    assert eventually(lambda: venue.isp("lte").byte_counts()[0] > before + 500_000)
    busy = gateway.run_lbrouter("measure", "lte", "--server", "1.1.1.1")
    job.close()
    assert busy.returncode == ExitCode.TRY_AGAIN
    assert "is in use" in busy.stderr
    assert "--yes" in busy.stderr
