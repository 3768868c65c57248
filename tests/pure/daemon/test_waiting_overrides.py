"""An operator's override outlives an edit of the file that takes away what it is about."""

import asyncio
from pathlib import Path

import pytest

from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.overrides.temporary_limits import TemporaryLimit
from lbrouter.daemon.overrides.waiting import WaitingOverrideLog, waiting_overrides
from lbrouter.model.config import Config
from lbrouter.model.errors import UsageError
from lbrouter.model.events import Drain, Pin, Restore
from lbrouter.model.units import Duration, Rate
from tests.kit.builders import TWO_LINES, config_of

WHOLE = config_of(TWO_LINES)
OTHER_NAMES = config_of(
    TWO_LINES.replace("lte", "mobile").replace("guests", "visitors").replace("show", "stage")
)


def some_overrides() -> OperatorOverrides:
    overrides = OperatorOverrides()
    overrides.drain(WHOLE, "lte", move_flows=True)
    overrides.pin(WHOLE, "show", "lte")
    limit = TemporaryLimit.start(Rate(5_000_000), Duration(60_000))
    overrides.set_limit(WHOLE, "guests", ["upload"], limit)
    return overrides


def test_what_the_file_lacks_waits_and_says_how_to_end_it() -> None:
    overrides = some_overrides()
    assert waiting_overrides(overrides, WHOLE) == {}
    lacks = "which the file does not have"
    assert [str(each.message) for each in waiting_overrides(overrides, OTHER_NAMES).values()] == [
        f"{what} is kept and waiting for {name}, {lacks} (`lbrouter {end}` ends it)"
        for what, name, end in (
            ("the drain of lte", "uplink lte", "uplink restore lte"),
            ("the pin of show to lte", "uplink lte", "uplink restore lte"),
            ("the limit of guests", "VLAN guests", "limit guests off"),
        )
    ]
    overrides.restore(OTHER_NAMES, "lte")
    assert overrides.remove_limit(OTHER_NAMES, "guests", ["upload"])
    assert waiting_overrides(overrides, OTHER_NAMES) == {}
    with pytest.raises(UsageError, match="no uplink 'lte'"):
        overrides.restore(OTHER_NAMES, "lte")


@pytest.mark.parametrize(
    "old, new, missing",
    [("show", "stage", "policy show"), ('["fiber", "lte"]', '["fiber"]', "uplink lte in policy")],
)
def test_a_pin_waits_for_its_policy_too(old: str, new: str, missing: str) -> None:
    overrides, config = OperatorOverrides(), config_of(TWO_LINES.replace(old, new))
    overrides.pin(WHOLE, "show", "lte")
    [waiting] = waiting_overrides(overrides, config).values()
    assert str(waiting.waits_for).startswith(missing)


def test_the_events_end_what_is_no_longer_asked_for() -> None:
    events = list(some_overrides().events(WHOLE))
    assert [each.uplink for each in events if isinstance(each, Restore)] == ["fiber"]
    assert [each.move_flows for each in events if isinstance(each, Drain)] == [True]
    pins = {each.policy: each.uplink for each in events if isinstance(each, Pin)}
    assert pins == {**dict.fromkeys(WHOLE.policies), "show": "lte"}


def test_the_timeline_tells_when_it_waits_and_when_it_is_in_force_again(tmp_path: Path) -> None:
    async def work() -> list[str]:
        journal = Journal(tmp_path)
        told, overrides = WaitingOverrideLog(journal), some_overrides()
        for config in (WHOLE, OTHER_NAMES, OTHER_NAMES):
            told.update(overrides, config)
        overrides.restore(OTHER_NAMES, "lte")
        told.update(overrides, WHOLE)
        journal.close()
        return [each.text.split(",")[0] for each in journal.recent(9)]

    said = asyncio.run(work())
    assert sorted(said[:3]) == [
        "the drain of lte is kept and waiting for uplink lte",
        "the limit of guests is kept and waiting for VLAN guests",
        "the pin of show to lte is kept and waiting for uplink lte",
    ]
    assert said[3:] == ["the limit of guests is in force again: the file has VLAN guests"]


def asked_for(overrides: OperatorOverrides, config: Config) -> dict[str, object]:
    """The kind of the event for each uplink, the uplink of each policy that is pinned."""
    found: dict[str, object] = {}
    for event in overrides.events(config):
        if isinstance(event, Drain | Restore):
            found[event.uplink] = type(event)
        elif isinstance(event, Pin) and event.uplink is not None:
            found[event.policy] = event.uplink
    return found


def test_overrides_last_and_those_for_removed_names_wait(tmp_path: Path) -> None:
    config = config_of(TWO_LINES)
    overrides = OperatorOverrides.load(tmp_path, print)
    overrides.drain(config, "fiber")
    overrides.pin(config, "show", "lte")
    overrides.save(tmp_path)
    again = OperatorOverrides.load(tmp_path, print)
    assert asked_for(again, config) == {"fiber": Drain, "lte": Restore, "show": "lte"}
    other = config_of(TWO_LINES.replace("fiber", "cable"))
    assert asked_for(again, other) == {"cable": Restore, "lte": Restore, "show": "lte"}
    again.restore(config, "lte")
    assert again.pins == {}


def test_an_override_for_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no uplink 'x'") as raised:
        OperatorOverrides().drain(config_of(TWO_LINES), "x")
    assert "fiber, lte" in raised.value.remedy
    with pytest.raises(UsageError):
        OperatorOverrides().pin(config_of(TWO_LINES), "show", "x")


def test_damaged_overrides_are_none(tmp_path: Path) -> None:
    (tmp_path / "wishes.json").write_text("{", encoding="utf-8")
    assert OperatorOverrides.load(tmp_path, print) == OperatorOverrides()
