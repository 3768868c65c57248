"""The key "kernel" of the status document: whether the kernel holds what it should."""

from collections.abc import Sequence
from typing import Final

from lbrouter.compile.report.status_types import KernelStatus
from lbrouter.compile.state.commands import command_line
from lbrouter.model.kernel_state import HtbClass, NftTable, Route
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.model.plan import Operation, Plan

MAX_OPERATIONS_NAMED: Final = 1


def kernel_status(*, since: str, reason: str | None) -> KernelStatus:
    """The key, with the data of a reason that a screen may show in another language."""
    status: KernelStatus = {"verified": reason is None, "since": since, "reason": reason}
    if isinstance(reason, Phrase):
        status["reason_data"] = reason.as_json()
    return status


def differences_without_daemon(plan: Plan) -> tuple[Operation, ...]:
    """Of a plan that was made without a daemon, what no health explains.

    A daemon that has ended left elements, routes and rates as the health wanted them, which is not
    known any more.
    """
    return tuple(each for each in plan.operations if not _depends_on_health(each))


def difference_reason(operations: Sequence[Operation]) -> str | None:
    """A sentence with the first difference and the number of the others; None without any."""
    if not operations:
        return None
    shown = "; ".join(command_line(each) for each in operations[:MAX_OPERATIONS_NAMED])
    more = len(operations) - MAX_OPERATIONS_NAMED
    if more > 0:
        return phrase("the kernel lacks: {shown} and {more} more", shown=shown, more=more)
    return phrase("the kernel lacks: {shown}", shown=shown)


def _depends_on_health(operation: Operation) -> bool:
    old, new = operation.old, operation.new
    if isinstance(old, NftTable) and isinstance(new, NftTable):
        return old.structure == new.structure
    return isinstance(operation.managed_object, Route | HtbClass)
