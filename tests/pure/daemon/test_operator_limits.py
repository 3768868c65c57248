"""Limits of VLANs that an operator set: kept, ended, explained."""

from dataclasses import asdict
from pathlib import Path

import pytest

from lbrouter.daemon.confirm.pending_commit import Moment
from lbrouter.daemon.overrides.store import Wishes
from lbrouter.daemon.overrides.temporary_limits import Ceiling, Limits, line_rate, said_of
from lbrouter.model.errors import UsageError
from lbrouter.model.field_types import MAX_RATE
from lbrouter.model.health import Limit
from lbrouter.model.units import Duration, Rate
from tests.kit.builders import TWO_LINES, config_of


def test_limits_are_read_back_and_end_by_themselves(tmp_path: Path) -> None:
    config, wishes = config_of(TWO_LINES), Wishes()
    five, soon = Rate(5_000_000), Ceiling.begin(Rate(1_000_000), Duration(0))
    wishes.limit(config, "guests", ["upload"], Ceiling.begin(five, Duration(60_000)))
    wishes.limit(config, "stream", ["upload", "download"], Ceiling.begin(five, None))
    wishes.limit(config, "desk", ["download"], soon)
    wishes.save(tmp_path)
    found = Wishes.load(tmp_path)
    assert found == wishes
    assert found.limits.overdue() == ("desk",)
    assert found.limits.in_force(config) == {
        "guests": Limit(upload=five),
        "stream": Limit(upload=five, download=five),
        "desk": Limit(download=MAX_RATE),  # what waits in its queue goes out
    }
    assert found.limits.status("desk") is None
    assert found.limits.status("stream") == {
        "upload": {"rate_bps": 5_000_000, "ends_in_s": None},
        "download": {"rate_bps": 5_000_000, "ends_in_s": None},
    }
    assert not found.limits.drained()
    assert found.unlimit(config, "guests", ["upload", "download"])
    assert not found.unlimit(config, "guests", ["upload"])
    with pytest.raises(UsageError, match="no VLAN 'nobody'"):
        found.unlimit(config, "nobody", ["upload"])


def test_a_limit_of_another_boot_is_over() -> None:
    held = Ceiling(rate=5_000_000, boot="before", deadline=1e12)
    assert held.left(Moment.now()) == 0.0
    limits = Limits.load({"guests": {"upload": asdict(held), "sideways": {}}})
    assert limits.overdue() == ("guests",)


def test_a_limit_says_what_becomes_of_the_guarantee() -> None:
    stream = config_of(TWO_LINES).vlans["stream"]
    said = said_of(stream, ["upload"], Rate(5_000_000), Duration(600_000))
    assert said.startswith("stream is limited to 5mbit upload for 10m; as long its guarantee")
    assert "12mbit upload" in said
    assert "guarantee" not in said_of(stream, ["download"], Rate(20_000_000), None)
    with pytest.raises(UsageError):
        line_rate(0)
