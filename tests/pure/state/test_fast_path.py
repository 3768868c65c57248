"""The fast path of a failover: flows, then rates, and nothing left for the next reconcile."""

import pytest

from lbrouter.compile.state import fast_path
from lbrouter.compile.state.diff import diff
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import HtbClass, KernelState
from lbrouter.model.plan import Action, Plan
from tests.kit.builders import TWO_LINES, config_of, desired_of, health_of

GUARANTEED = '\nupload = { guaranteed = "8mbit" }'
CEILING = '\nupload = { ceiling = "5mbit" }'
SPREAD = 'policy = "spread"'
UNMETERED = TWO_LINES.replace("metered = true\n", "")
CONFIG = config_of(UNMETERED.replace(SPREAD, SPREAD + GUARANTEED, 1))
FIBER_DOWN = health_of(CONFIG, fiber=UplinkState.DOWN)


def _failover_change() -> tuple[KernelState, KernelState, Plan]:
    before, desired = desired_of(CONFIG), desired_of(CONFIG, health=FIBER_DOWN)
    return before, desired, diff(before, desired)


def test_flows_and_rates_are_all_that_a_lost_line_changes() -> None:
    before, desired, plan = _failover_change()
    flows, rates = fast_path.failover_operations(plan), fast_path.rate_operations(plan)
    assert flows
    assert rates
    halfway = fast_path.state_after(before, flows)
    assert halfway.nft == desired.nft
    assert halfway.classes == before.classes
    assert not diff(fast_path.state_after(halfway, rates), desired)


def test_a_lines_guarantees_never_exceed_it_on_the_way() -> None:
    state, _, plan = _failover_change()
    assert len(fast_path.rate_operations(plan)) > 1
    for operation in fast_path.rate_operations(plan):
        state = fast_path.state_after(state, [operation])
        for parent in state.classes:
            inside = [
                each.rate
                for each in state.classes
                if (each.interface, each.parent) == (parent.interface, parent.classid)
            ]
            assert sum(inside) <= parent.rate


@pytest.mark.parametrize("verb", [Action.ADD, Action.REMOVE])
def test_trees_that_change_are_left_to_the_reconciler(verb: Action) -> None:
    """A limit adds classes of its own, and removes them again."""
    limited = config_of(UNMETERED.replace(SPREAD, SPREAD + CEILING, 1))
    states = [desired_of(CONFIG), desired_of(limited)]
    before, desired = states if verb is Action.ADD else reversed(states)
    plan = diff(before, desired)
    assert any(
        each.action is verb and isinstance(each.managed_object, HtbClass)
        for each in plan.operations
    )
    assert fast_path.rate_operations(plan) == ()
