"""Limits of VLANs that an operator set: kept, ended, explained."""

from pathlib import Path

import pytest

from lbrouter.compile.shaping.overrides import VlanLimit
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.overrides.temporary_limits import (
    LimitTable,
    TemporaryLimit,
    limit_message,
    validated_limit_rate,
)
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.direction import Direction
from lbrouter.model.errors import UsageError
from lbrouter.model.sections.line_rate import MAX_RATE
from lbrouter.model.units import Duration, Rate
from tests.kit.builders import TWO_LINES, config_of


def test_limits_are_read_back_and_end_by_themselves(tmp_path: Path) -> None:
    config, overrides = config_of(TWO_LINES), OperatorOverrides()
    five, soon = Rate(5_000_000), TemporaryLimit.start(Rate(1_000_000), Duration(0))
    overrides.set_limit(config, "guests", ["upload"], TemporaryLimit.start(five, Duration(60_000)))
    overrides.set_limit(config, "stream", ["upload", "download"], TemporaryLimit.start(five, None))
    overrides.set_limit(config, "desk", ["download"], soon)
    overrides.save(tmp_path)
    found = OperatorOverrides.load(tmp_path, pytest.fail)
    assert found == overrides
    assert found.limits.remove_expired() == ("desk",)
    assert found.limits.in_force(config) == {
        "guests": VlanLimit(upload=five),
        "stream": VlanLimit(upload=five, download=five),
        "desk": VlanLimit(download=MAX_RATE),  # what waits in its queue goes out
    }
    assert found.limits.status("desk") is None
    assert found.limits.status("stream") == {
        "upload": {"rate_bps": 5_000_000, "ends_in_s": None},
        "download": {"rate_bps": 5_000_000, "ends_in_s": None},
    }
    assert not found.limits.remove_released()
    assert found.remove_limit(config, "guests", ["upload", "download"])
    assert not found.remove_limit(config, "guests", ["upload"])
    with pytest.raises(UsageError, match="no VLAN 'nobody'"):
        found.remove_limit(config, "nobody", ["upload"])


def test_a_limit_of_another_boot_is_over() -> None:
    held = TemporaryLimit(rate=5_000_000, boot="before", deadline=1e12)
    assert held.remaining_s(BootTime.now()) == 0.0
    limits = LimitTable.from_saved({"guests": {Direction.UPLOAD: held}})
    assert limits.remove_expired() == ("guests",)


def test_a_limit_says_what_becomes_of_the_guarantee() -> None:
    stream = config_of(TWO_LINES).vlans["stream"]
    said = str(limit_message(stream, ["upload"], Rate(5_000_000), Duration(600_000)))
    assert said.startswith(
        "stream is limited to 5mbit upload for 10m; while it lasts, its guarantee"
    )
    assert "12mbit upload" in said
    assert "guarantee" not in str(limit_message(stream, ["download"], Rate(20_000_000), None))
    with pytest.raises(UsageError):
        validated_limit_rate(0)
