"""What the daemon knows of a line when the file calls it otherwise, or calls another one so."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.model.config import Config
from lbrouter.model.events import CarrierChanged, Drain, Pin
from lbrouter.model.health import UplinkState
from tests.kit.builders import TWO_LINES, config_of, health_of

CONFIG = config_of(TWO_LINES)


def exchanged(text: str = TWO_LINES) -> Config:
    """The file in which the two lines have exchanged their names, and with them their places."""
    return config_of(text.replace("fiber", "other").replace("lte", "fiber").replace("other", "lte"))


def in_a_loop(work: Callable[[Journal], None], folder: Path) -> None:
    async def run() -> None:
        journal = Journal(folder)
        try:
            work(journal)
        finally:
            journal.close()

    asyncio.run(run())


def test_a_line_that_dies_while_the_file_changes_is_dead_by_the_new_file(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        old = HealthTracker(CONFIG, journal, known=health_of(CONFIG))
        old.evaluate()
        new = old.with_config(exchanged())
        old.put(CarrierChanged(at=time.monotonic(), uplink="fiber", up=False))
        new.evaluate()
        assert new.health.uplinks["lte"].state is UplinkState.UP, "as it was when the change began"
        new.take_over()
        states = {name: each.state for name, each in new.health.uplinks.items()}
        assert states == {"lte": UplinkState.DOWN, "fiber": UplinkState.UP}
        assert new.incidents == {"lte": old.incidents["fiber"]}
        assert new.since["lte"] == old.since["fiber"]
        new.evaluate()
        assert new.health.uplinks["lte"].state is UplinkState.DOWN

    in_a_loop(work, tmp_path)


def test_a_tracker_takes_over_once(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        old = HealthTracker(CONFIG, journal, known=health_of(CONFIG))
        new = old.with_config(CONFIG)
        new.take_over()
        old.put(CarrierChanged(at=time.monotonic(), uplink="fiber", up=False))
        new.take_over()
        new.evaluate()
        assert new.health.uplinks["fiber"].state is UplinkState.UP

    in_a_loop(work, tmp_path)


def test_a_drain_and_a_pin_follow_their_lines() -> None:
    overrides = OperatorOverrides()
    overrides.drain(CONFIG, "fiber", move_flows=True)
    overrides.pin(CONFIG, "show", "lte")
    overrides = overrides.followed(exchanged())
    assert (overrides.drained, overrides.moving) == ({"lte"}, {"lte"})
    assert overrides.pins == {"show": "fiber"}
    overrides = overrides.followed(CONFIG)
    assert (overrides.drained, overrides.pins) == ({"fiber"}, {"show": "lte"})


def test_a_drain_follows_its_line_over_a_restart(tmp_path: Path) -> None:
    overrides = OperatorOverrides()
    overrides.drain(CONFIG, "fiber")
    overrides.pin(CONFIG, "show", "lte")
    overrides.save(tmp_path)
    again = OperatorOverrides.load(tmp_path, print)
    again = again.followed(exchanged())
    events = list(again.events(exchanged()))
    assert [each.uplink for each in events if isinstance(each, Drain)] == ["lte"]
    assert {each.policy: each.uplink for each in events if isinstance(each, Pin)}["show"] == "fiber"


def test_a_drain_waits_for_its_line_and_never_takes_another() -> None:
    renamed = config_of(TWO_LINES.replace("lte", "radio"))
    absent = config_of(TWO_LINES.replace("fiber", "cable").replace('"wan1"', '"wan7"'))
    overrides = OperatorOverrides()
    overrides.drain(CONFIG, "fiber")
    overrides = overrides.followed(absent)
    assert overrides.drained == {"fiber"}, "the file does not have the line now"
    overrides = overrides.followed(renamed)
    assert overrides.drained == {"fiber"}
    overrides = overrides.followed(config_of(TWO_LINES.replace('"wan1"', '"wan7"')))
    assert (overrides.drained, overrides.lines) == (set(), {}), "another line is called so"


def test_a_drain_stays_where_the_address_alone_changes() -> None:
    overrides = OperatorOverrides()
    overrides.drain(CONFIG, "fiber")
    moved = config_of(TWO_LINES.replace("203.0.113.", "203.0.112."))
    overrides = overrides.followed(moved)
    assert overrides.drained == {"fiber"}
    assert overrides.lines == {"fiber": moved.uplinks["fiber"].identity}


def test_overrides_of_an_earlier_release_have_names_alone() -> None:
    overrides = OperatorOverrides(drained={"fiber", "gone"})
    overrides = overrides.followed(CONFIG)
    assert overrides.drained == {"fiber", "gone"}
    overrides = overrides.followed(exchanged())
    assert overrides.drained == {"lte", "gone"}
