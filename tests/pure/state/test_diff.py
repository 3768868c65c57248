"""The diff: set arithmetic that keeps the network safe after every single step."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest

from lbrouter.compile.state.desired import (
    observation_scope,
    restored_settings,
    state_after_down,
    updated_baseline,
)
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import SimKernel
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import KernelState, LinkAdminState, NftTable, Sysctl
from lbrouter.model.plan import Action, Phase
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of, health_of
from tests.kit.plan_safety import unsafe_parts

CONFIG = config_of(TWO_LINES)
ONE_LINE = config_of(
    TWO_LINES.replace('uplinks = ["fiber", "lte"]', 'uplinks = ["fiber"]')
    .replace("weights = { fiber = 70, lte = 30 }", "weights = { fiber = 1 }")
    .replace(TWO_LINES[TWO_LINES.index("[uplinks.lte]") : TWO_LINES.index("[vlans.stream]")], "")
)
MORE_VLANS = config_of(
    TWO_LINES.replace(
        "[policies.show]",
        '[vlans.crew]\nport = "lan4"\naddress = "10.10.50.1/24"\n'
        'policy = "show"\n\n[policies.show]',
    ).replace('"12mbit"', '"20mbit"')
)
FACTS = facts_of(MORE_VLANS)


def _state_before() -> KernelState:
    """The machine before lbrouter: links down, settings at 0, nothing of ours."""
    wanted = desired_of(MORE_VLANS)
    return KernelState(
        sysctls=frozenset(Sysctl(path=s.path, value="0") for s in wanted.sysctls),
        links=frozenset(
            LinkAdminState(interface=link.interface, up=False)
            for link in wanted.links
            if link.interface in FACTS.interfaces
        ),
    )


def _on_machine(base: KernelState, state: KernelState) -> KernelState:
    """`state` on the machine `base`: settings that it does not name are as they were found."""
    return replace(
        state,
        sysctls=state.sysctls | restored_settings(base, FACTS, excluding=state).sysctls,
        links=state.links | restored_settings(base, FACTS, excluding=state).links,
    )


STATE_BEFORE = _state_before()
STATES = {
    "found": STATE_BEFORE,
    "two": _on_machine(STATE_BEFORE, desired_of(CONFIG)),
    "two, fiber down": _on_machine(
        STATE_BEFORE, desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN))
    ),
    "one": _on_machine(STATE_BEFORE, desired_of(ONE_LINE)),
    "more": _on_machine(STATE_BEFORE, desired_of(MORE_VLANS)),
}
PAIRS = list(permutations(STATES, 2))


def _states_along_plan(before: KernelState, after: KernelState) -> Iterator[KernelState]:
    """Every state between the operations, the first and the last included."""
    kernel = SimKernel(before, FACTS)
    yield kernel.state
    for operation in diff(before, after).operations:
        asyncio.run(kernel.execute(operation))
        yield kernel.state


@pytest.mark.parametrize("name", STATES)
def test_a_state_differs_from_itself_in_nothing(name: str) -> None:
    assert not diff(STATES[name], STATES[name])


@pytest.mark.parametrize("before, after", PAIRS)
def test_running_a_plan_gives_the_desired_state(before: str, after: str) -> None:
    *_, last = _states_along_plan(STATES[before], STATES[after])
    assert last == STATES[after]
    assert not diff(last, STATES[after])


@pytest.mark.parametrize("before, after", PAIRS)
def test_every_prefix_is_safe(before: str, after: str) -> None:
    ours = {link.interface for link in STATE_BEFORE.links}
    for state in _states_along_plan(STATES[before], STATES[after]):
        assert unsafe_parts(state, ours) == {}


def test_forwarding_opens_last_and_closes_first() -> None:
    there = [op.phase for op in diff(STATES["found"], STATES["two"]).operations]
    back = [op.phase for op in diff(STATES["two"], STATES["found"]).operations]
    assert there[0] is Phase.GUARD
    assert there[-1] is Phase.FORWARD
    assert back[0] is Phase.CLOSE
    assert back[-1] is Phase.UNGUARD


def test_a_failover_touches_routes_and_maps_and_no_rule() -> None:
    plan = diff(STATES["two"], STATES["two, fiber down"])
    kinds = {type(operation.managed_object).__name__ for operation in plan.operations}
    assert kinds <= {"Route", "NftTable", "HtbClass"}
    table = next(op for op in plan.operations if isinstance(op.managed_object, NftTable))
    assert table.old.structure == table.new.structure


def test_an_operation_undone_leaves_no_trace() -> None:
    for before, after in PAIRS:
        kernel = SimKernel(STATES[before], FACTS)
        done = diff(STATES[before], STATES[after]).operations
        for operation in done:
            asyncio.run(kernel.execute(operation))
        for operation in reversed(done):
            asyncio.run(kernel.execute(operation.inverse()))
        assert not diff(kernel.state, STATES[before])


def test_an_inverse_says_what_it_undoes() -> None:
    operation = diff(STATES["found"], STATES["two"]).operations[0]
    assert operation.action is Action.ADD
    assert operation.inverse().action is Action.REMOVE
    assert operation.inverse().managed_object == operation.managed_object


def test_the_baseline_keeps_what_was_found_first() -> None:
    first = updated_baseline(KernelState(), STATE_BEFORE, CONFIG)
    scope = observation_scope(CONFIG, KernelState())
    assert {s.path for s in first.sysctls} == scope.sysctls
    assert all(setting.value == "0" for setting in first.sysctls)
    again = updated_baseline(first, STATES["two"], CONFIG)
    assert again == first


def test_the_baseline_forgets_what_the_file_no_longer_names() -> None:
    first = updated_baseline(KernelState(), STATE_BEFORE, CONFIG)
    after = updated_baseline(first, STATES["two"], ONE_LINE)
    assert not any("wan2" in setting.path for setting in after.sysctls)
    assert "wan2" not in {link.interface for link in after.links}


def test_down_gives_settings_back() -> None:
    baseline = updated_baseline(KernelState(), STATE_BEFORE, CONFIG)
    state = state_after_down(baseline, FACTS)
    assert {s.value for s in state.sysctls} == {"0"}
    assert not any(link.up for link in state.links)
    assert state.nft is None
    gone = state_after_down(baseline, facts_of(CONFIG, without=("wan2",)))
    assert not any("wan2" in setting.path for setting in gone.sysctls)


def test_scope_without_a_file_is_what_the_baseline_remembers() -> None:
    baseline = updated_baseline(KernelState(), STATE_BEFORE, CONFIG)
    scope = observation_scope(None, baseline)
    assert "wan1" in scope.interfaces
    assert "net/ipv4/ip_forward" in scope.sysctls
