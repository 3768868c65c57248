"""What `status` says of the kernel where no daemon runs."""

from dataclasses import replace

from lbrouter.compile.report.kernel_status import difference_reason, differences_without_daemon
from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.diff import diff
from lbrouter.model.health import UplinkState
from tests.kit.builders import TWO_LINES, config_of, desired_of, health_of

CONFIG = config_of(TWO_LINES)
WANTED = desired_of(CONFIG, health=health_of(CONFIG))


def test_what_a_daemon_left_as_the_health_wanted_it_is_no_difference() -> None:
    held = desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN))
    assert diff(held, WANTED)
    assert differences_without_daemon(diff(held, WANTED)) == ()


def test_what_no_health_explains_is_one() -> None:
    [one, *_] = sorted(WANTED.rules, key=lambda each: each.priority)
    held = replace(WANTED, rules=WANTED.rules - {one})
    [operation] = differences_without_daemon(diff(held, WANTED))
    assert operation.new == one
    assert difference_reason([operation]) == f"the kernel lacks: {command_line(operation)}"
    assert str(difference_reason([operation] * 3)).endswith(" and 2 more")


def test_another_ruleset_is_one() -> None:
    assert WANTED.nft is not None
    other = replace(WANTED, nft=replace(WANTED.nft, structure="another"))
    found = differences_without_daemon(diff(other, WANTED))
    assert [each.managed_object.key for each in found] == [("nft",)]
    assert differences_without_daemon(diff(replace(WANTED, nft=None), WANTED))


def test_nothing_is_said_of_nothing() -> None:
    assert difference_reason(()) is None
