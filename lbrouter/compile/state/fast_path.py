"""The fast failover: the part of a plan that changes the path of packets, then their rates."""

from collections.abc import Sequence
from dataclasses import replace

from lbrouter.model.kernel_state import HtbClass, KernelState, NftTable, Qdisc, Route
from lbrouter.model.plan import Action, Operation, Plan


def failover_operations(plan: Plan) -> tuple[Operation, ...]:
    """What decides the path of packets, in the order of the plan: map elements, our routes."""
    return tuple(each for each in plan.operations if _is_failover_operation(each))


def rate_operations(plan: Plan) -> tuple[Operation, ...]:
    """Changes of classes, in the plan's safe order; none where the trees themselves change."""
    trees = tuple(
        each for each in plan.operations if isinstance(each.managed_object, HtbClass | Qdisc)
    )
    alike = all(
        each.action is Action.CHANGE and isinstance(each.managed_object, HtbClass) for each in trees
    )
    return trees if alike else ()


def state_after(state: KernelState, operations: Sequence[Operation]) -> KernelState:
    """`state` once `operations` (routes, the table, changes of classes) are done."""
    gone = {each.old for each in operations if isinstance(each.old, Route | HtbClass)}
    come = [each.new for each in operations if each.new is not None]
    tables = [each for each in come if isinstance(each, NftTable)]
    return replace(
        state,
        routes=(state.routes - gone) | {each for each in come if isinstance(each, Route)},
        classes=(state.classes - gone) | {each for each in come if isinstance(each, HtbClass)},
        nft=tables[-1] if tables else state.nft,
    )


def _is_failover_operation(operation: Operation) -> bool:
    old, new = operation.old, operation.new
    if isinstance(old, NftTable) and isinstance(new, NftTable):
        return old.structure == new.structure
    return isinstance(operation.managed_object, Route)
