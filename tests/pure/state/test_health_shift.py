"""Operations and observations, translated between the planned health and the present one."""

from dataclasses import replace
from ipaddress import ip_network

from lbrouter.compile.state.health_shift import (
    HealthShift,
    common_lines,
    merged_health,
    steered_state,
)
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import KernelState, NftTable, Route, Sysctl
from lbrouter.model.plan import Action, Operation, Phase
from tests.kit.builders import TWO_LINES, config_of, desired_of, health_of

CONFIG = config_of(TWO_LINES)
UP = desired_of(CONFIG, health=health_of(CONFIG))
DOWN = desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN))
SHIFT = HealthShift(states=(steered_state(UP, DOWN),))
PRESENT = SHIFT.states[0].present


def operation_of(new: object, old: object = None) -> Operation:
    return Operation(phase=Phase.ROUTE, action=Action.CHANGE, new=new, old=old, reason="test")  # type: ignore[arg-type]


def table_of(state: KernelState) -> NftTable:
    assert state.nft is not None
    return state.nft


def test_steering_changes_routes_and_elements_alone() -> None:
    assert table_of(PRESENT).elements == table_of(DOWN).elements
    assert PRESENT.routes == DOWN.routes
    assert PRESENT.classes == UP.classes


def test_without_another_health_nothing_is_translated() -> None:
    empty = HealthShift()
    step = operation_of(next(iter(UP.routes)))
    assert empty.operation(step, UP.nft) == step
    assert empty.as_planned(UP) == UP
    table_step = operation_of(UP.nft, DOWN.nft)
    assert empty.operation(table_step, None) == table_step


def test_a_table_is_loaded_as_the_present_health_wants_it() -> None:
    done = SHIFT.operation(operation_of(UP.nft, UP.nft), DOWN.nft)
    assert done is not None
    assert (done.new, done.old) == (DOWN.nft, DOWN.nft)
    added = SHIFT.operation(operation_of(UP.nft), DOWN.nft)
    assert added is not None
    assert (added.new, added.old) == (DOWN.nft, None)


def test_a_closed_table_stays_closed() -> None:
    closed = replace(
        table_of(UP), elements={"known_interfaces": table_of(UP).elements["known_interfaces"]}
    )
    done = SHIFT.operation(operation_of(closed), None)
    assert done is not None
    assert done.new == closed


def test_a_route_that_the_present_health_wants_otherwise() -> None:
    [planned] = [each for each in UP.routes - PRESENT.routes if each.table == 7000][:1]
    wanted = {each.key: each for each in PRESENT.routes}.get(planned.key)
    changed = SHIFT.operation(operation_of(planned), None)
    if wanted is None:
        assert changed is None
    else:
        assert changed is not None
        assert changed.new == wanted


def test_a_route_that_the_present_health_does_not_want() -> None:
    extra = Route(table=7000, destination=ip_network("192.0.2.0/24"), interface="wan1")
    more = replace(UP, routes=UP.routes | {extra})
    shift = HealthShift(states=(steered_state(more, DOWN),))
    assert shift.operation(operation_of(extra), UP.nft) is None
    assert shift.operation(operation_of(None, extra), UP.nft) is None


def test_a_route_that_is_removed_is_the_one_that_is_there() -> None:
    far = Route(table=7000, destination=ip_network("192.0.2.0/24"), interface="wan1")
    near = replace(far, interface="wan2")
    one, other = (replace(each, routes=each.routes | {r}) for each, r in ((UP, far), (DOWN, near)))
    shift = HealthShift(states=(steered_state(one, other),))
    removed = shift.operation(operation_of(None, far), UP.nft)
    assert removed is not None
    assert (removed.new, removed.old) == (None, near)
    changed = shift.operation(operation_of(far, None), UP.nft)
    assert changed is not None
    assert (changed.new, changed.old) == (near, None)


def test_the_file_whose_ruleset_is_in_the_kernel_decides() -> None:
    near, far = (
        Route(table=7000, destination=ip_network("192.0.2.0/24"), interface=name)
        for name in ("wan1", "wan2")
    )
    other = replace(UP, nft=replace(table_of(UP), structure="another"))
    shift = HealthShift(
        states=(
            steered_state(other, other),
            steered_state(
                replace(UP, routes=UP.routes | {near}), replace(DOWN, routes=DOWN.routes | {far})
            ),
        )
    )
    for table in (UP.nft, other.nft, None):
        step = shift.operation(operation_of(near), table)
        assert step is not None
        assert step.new == far


def test_other_objects_are_left_alone() -> None:
    step = operation_of(Sysctl(path="net/x", value="1"))
    assert SHIFT.operation(step, UP.nft) == step


def test_what_is_steered_is_hidden_from_the_change() -> None:
    assert SHIFT.as_planned(PRESENT) == UP
    bare = replace(UP, nft=None)
    assert SHIFT.as_planned(bare) == bare
    foreign = replace(UP, nft=replace(table_of(UP), structure="another"))
    assert SHIFT.as_planned(foreign) == foreign


def test_what_others_changed_is_not_hidden() -> None:
    lost = replace(PRESENT, routes=PRESENT.routes - (PRESENT.routes - UP.routes))
    if PRESENT.routes - UP.routes:
        assert SHIFT.as_planned(lost).routes == lost.routes
    emptied = {**table_of(PRESENT).elements, "active_show": frozenset[tuple[str, str]]()}
    damaged = replace(PRESENT, nft=replace(table_of(PRESENT), elements=emptied))
    assert table_of(SHIFT.as_planned(damaged)).elements["active_show"] == frozenset()


def test_a_state_without_a_table_has_no_structure() -> None:
    assert steered_state(KernelState(), KernelState()).structure == ""


def test_the_health_of_two_files_is_merged_by_common_lines() -> None:
    planned, began = health_of(CONFIG), health_of(CONFIG)
    present = health_of(CONFIG, fiber=UplinkState.DOWN, lte=UplinkState.DOWN)
    merged = merged_health(planned, present, began=began, names={"fiber": "fiber"})
    assert merged.uplinks["fiber"].state is UplinkState.DOWN
    assert merged.uplinks["lte"].state is UplinkState.UP
    unchanged = merged_health(present, began, began=began, names={"fiber": "fiber", "lte": "lte"})
    assert unchanged == present
    first = merged_health(planned, present, began=None, names={"fiber": "fiber"})
    assert first.uplinks["fiber"].state is UplinkState.DOWN
    new = merged_health(planned, present, began=GatewayHealth(), names={"lte": "lte"})
    assert new.uplinks["lte"].state is UplinkState.DOWN


def test_a_line_that_is_called_otherwise_keeps_what_became_of_it() -> None:
    exchanged = config_of(
        TWO_LINES.replace("fiber", "other").replace("lte", "fiber").replace("other", "lte")
    )
    names = common_lines(exchanged, CONFIG)
    assert names == {"fiber": "lte", "lte": "fiber"}
    present = health_of(CONFIG, fiber=UplinkState.DOWN)
    merged = merged_health(health_of(exchanged), present, began=health_of(CONFIG), names=names)
    assert merged.uplinks["lte"].state is UplinkState.DOWN
    assert merged.uplinks["fiber"].state is UplinkState.UP
    assert merged_health(present, GatewayHealth(), began=None, names=names) == present


def test_a_line_whose_address_alone_changes_is_the_same_line() -> None:
    moved = config_of(TWO_LINES.replace("203.0.113.", "203.0.112."))
    assert common_lines(moved, CONFIG) == {"lte": "lte", "fiber": "fiber"}
    other = config_of(TWO_LINES.replace('"wan1"', '"wan7"'))
    assert common_lines(other, CONFIG) == {"lte": "lte"}
    renamed = config_of(TWO_LINES.replace("203.0.113.", "203.0.112.").replace("fiber", "cable"))
    assert common_lines(renamed, CONFIG) == {"lte": "lte"}
