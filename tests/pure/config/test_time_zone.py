"""The zone in which people read times: known, or refused with the one that was meant."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lbrouter.compile.config.toml_writer import render_toml
from tests.kit.sample_config import errors_of, parse_text, with_changes


def with_zone(name: str) -> str:
    return with_changes(('name = "hall"', f'name = "hall"\ntimezone = "{name}"'))


@pytest.fixture
def without_zones(tmp_path: Path) -> Iterator[None]:
    """A machine without the database of time zones."""
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


def test_a_zone_is_kept_and_written_back() -> None:
    config = parse_text(with_zone("Asia/Jakarta")).config
    assert config.gateway.timezone == ZoneInfo("Asia/Jakarta")
    assert parse_text(render_toml(config)).config == config
    assert parse_text(with_changes()).config.gateway.timezone is None


@pytest.mark.parametrize(
    "name, meant",
    [
        ("Asia/Jakata", "Asia/Jakarta"),
        ("asia/jakarta", "Asia/Jakarta"),
        ("Jakarta", "Asia/Jakarta"),
        ("WIB", "Asia/Jakarta"),
        ("wita", "Asia/Makassar"),
        ("New York", "America/New_York"),
    ],
)
def test_a_zone_that_is_not_known_gets_the_one_that_was_meant(name: str, meant: str) -> None:
    [error] = errors_of(with_zone(name))
    assert f'timezone = "{name}": is not a time zone, did you mean "{meant}"?' in error


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "/etc/passwd", "x\\u0000", "qqqq", "Asia"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    [error] = errors_of(with_zone(name))
    assert 'accepted: a name of the IANA database, such as "Asia/Jakarta"' in error


@pytest.mark.usefixtures("without_zones")
def test_a_machine_without_any_zone_says_what_to_install() -> None:
    [error] = errors_of(with_zone("Asia/Jakarta"))
    assert "which has none at all: apt install tzdata" in error
