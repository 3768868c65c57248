"""The fast failover: the part of a plan that changes the path of packets, then their rates."""

from collections.abc import Sequence
from dataclasses import replace

from lbrouter.model.kernel_state import HtbClass, KernelState, NftTable, Qdisc, Route
from lbrouter.model.plan import Action, Operation, Plan


def failover_operations(plan: Plan) -> tuple[Operation, ...]:
    """What decides the path of packets, in the order of the plan: map elements, our routes."""
    return tuple(step for step in plan.operations if _is_failover_operation(step))


def rate_operations(plan: Plan) -> tuple[Operation, ...]:
    """Changes of classes, in the plan's safe order; none where the trees themselves change."""
    trees = tuple(
        step for step in plan.operations if isinstance(step.managed_object, HtbClass | Qdisc)
    )
    alike = all(
        step.action is Action.CHANGE and isinstance(step.managed_object, HtbClass) for step in trees
    )
    return trees if alike else ()


def state_after(state: KernelState, operations: Sequence[Operation]) -> KernelState:
    """`state` once `operations` (routes, the table, changes of classes) are done."""
    gone = {step.old for step in operations if isinstance(step.old, Route | HtbClass)}
    come = [step.new for step in operations if step.new is not None]
    tables = [noun for noun in come if isinstance(noun, NftTable)]
    return replace(
        state,
        routes=(state.routes - gone) | {noun for noun in come if isinstance(noun, Route)},
        classes=(state.classes - gone) | {noun for noun in come if isinstance(noun, HtbClass)},
        nft=tables[-1] if tables else state.nft,
    )


def _is_failover_operation(operation: Operation) -> bool:
    old, new = operation.old, operation.new
    if isinstance(old, NftTable) and isinstance(new, NftTable):
        return old.structure == new.structure
    return isinstance(operation.managed_object, Route)
