"""`transact`: run a plan, verify the result, and undo everything if it failed.

rtnetlink has no transactions, so this is one made by hand: the checkpoint is the observed state,
every operation has an inverse, and the result is verified by observing again.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.interrupt import CancelOnSignal
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import (
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.facts import ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState, ManagedObject, NftTable, Qdisc
from lbrouter.model.messages.phrase import as_phrase, joined_phrases, phrase
from lbrouter.model.plan import Operation, Plan

MAX_APPLY_ROUNDS: Final = 3
"""How often the rest is tried: a device that is created again loses its addresses and routes."""

MAX_LISTED_OPERATIONS: Final = 5
"""Operations named in an error; the others are counted."""


async def transact(
    kernel: Kernel,
    plan: Plan,
    *,
    desired: KernelState,
    scope: ObserveScope,
    store: StateStore | None = None,
) -> None:
    """Make the kernel hold `desired` by `plan`, or leave it as it was.

    Raises NotAppliedError, or the refusal's own class where trying again cannot help (missing
    feature, missing rights), after undoing everything. Signals and cancellation in the middle lead
    to the same undo.
    """
    if not plan:
        return
    state = await kernel.observe(scope)
    checkpoint = (
        state if state.nft is None else replace(state, nft=_table_with_script(state.nft, store))
    )
    begun: list[Operation] = []
    with CancelOnSignal() as interruption:
        try:
            await _run_plan(kernel, plan, desired=desired, scope=scope, store=store, begun=begun)
            await interruption.take_pending_signal()
        except (Exception, asyncio.CancelledError) as cause:
            left = await _run_uncancelled(_undo(kernel, begun, checkpoint, scope))
            interruption.absorb_cancellation()
            raise _build_error(cause, begun, left, signal=interruption.signal_name) from cause


def plan_with_scripts(plan: Plan, store: StateStore | None) -> Plan:
    """The plan with the text of the old ruleset filled in: an undo must be able to load it."""
    operations = (
        replace(
            operation,
            new=_noun_with_script(operation.new, store),
            old=_noun_with_script(operation.old, store),
        )
        for operation in plan.operations
    )
    return Plan(operations=tuple(operations))


async def _run_plan(
    kernel: Kernel,
    plan: Plan,
    *,
    desired: KernelState,
    scope: ObserveScope,
    store: StateStore | None,
    begun: list[Operation],
) -> None:
    """Run the plan, then what is left of it, until the kernel holds `desired`."""
    for _ in range(MAX_APPLY_ROUNDS):
        for operation in plan_with_scripts(plan, store).operations:
            begun.append(operation)
            await kernel.execute(operation)
        plan = diff(await kernel.observe(scope), desired)
        if not plan:
            return
    raise NotAppliedError(
        phrase(
            "The kernel accepted every step, but this is missing:\n{operations}",
            operations=_list_operations(plan.operations),
        ),
        remedy="Another program may be changing the same objects; `lbrouter doctor` names it.",
    )


async def _undo(
    kernel: Kernel, begun: Sequence[Operation], checkpoint: KernelState, scope: ObserveScope
) -> tuple[Operation, ...]:
    """Undo what was begun, last first, then what still differs; returns what could not be undone.

    The operation that failed is undone as well: it may have been half done.
    """
    for operation in reversed(begun):
        await _try_execute(kernel, operation.inverse())
    for _ in range(MAX_APPLY_ROUNDS):
        rest = diff(await kernel.observe(scope), checkpoint).operations
        if not rest:
            return ()
        for operation in rest:
            await _try_execute(kernel, operation)
    return diff(await kernel.observe(scope), checkpoint).operations


async def _try_execute(kernel: Kernel, operation: Operation) -> None:
    """A step of the undo that fails stops none of the others; the last observation shows it."""
    with suppress(Exception):
        await kernel.execute(operation)


async def _run_uncancelled(
    work: Coroutine[Any, Any, tuple[Operation, ...]],
) -> tuple[Operation, ...]:
    """Await `work` to its end, even if cancelled meanwhile: half an undo is worse than none."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()


def _build_error(
    cause: BaseException, begun: Sequence[Operation], left: Sequence[Operation], *, signal: str
) -> BaseException:
    """The error for the caller: what was refused, why, and in what state the kernel now is."""
    if left:
        lines: list[str] = [
            phrase(
                "Not everything could be undone; this is missing:\n{operations}",
                operations=_list_operations(left),
            )
        ]
        remedy = "Run these lines by hand, or `lbrouter apply` a file that worked."
    else:
        lines, remedy = [phrase("Everything was undone: the kernel holds what it held before.")], ""
    # Foreign roots that were replaced by permission cannot be created again.
    lines += [
        phrase(
            "But what stood at the root of {interface} before is lost.",
            interface=operation.new.interface,
        )
        for operation in begun
        if isinstance(operation.new, Qdisc) and operation.new.replaces
    ]
    undone = joined_phrases("\n  ", lines)
    if isinstance(cause, LbrouterError):
        # Where trying again cannot help, the refusal keeps its own exit code (69 or 77).
        is_lasting = isinstance(cause, UnavailableError | NotPermittedError)
        error_class = type(cause) if is_lasting else NotAppliedError
        said = phrase("{message}\n  {undone}", message=as_phrase(cause.message), undone=undone)
        return error_class(said, remedy=cause.remedy or remedy)
    if isinstance(cause, asyncio.CancelledError) and not signal and not left:
        return cause
    where = phrase(" at `{command}`", command=command_line(begun[-1])) if begun else ""
    stopped = phrase("interrupted by {signal}", signal=signal) if signal else repr(cause)
    return NotAppliedError(
        phrase(
            "Not applied: {stopped}{where}.\n  {undone}",
            stopped=stopped,
            where=where,
            undone=undone,
        ),
        remedy=remedy,
    )


def _list_operations(operations: Sequence[Operation]) -> str:
    lines = [f"    {command_line(each)}" for each in operations[:MAX_LISTED_OPERATIONS]]
    more = len(operations) - MAX_LISTED_OPERATIONS
    if more > 0:
        lines.append(phrase("    and {more} more", more=more))
    return joined_phrases("\n", lines)


def _noun_with_script(noun: ManagedObject | None, store: StateStore | None) -> ManagedObject | None:
    return _table_with_script(noun, store) if isinstance(noun, NftTable) else noun


def _table_with_script(table: NftTable, store: StateStore | None) -> NftTable:
    """An observed table knows only its digest; the text was kept when it was loaded."""
    if table.script or store is None:
        return table
    return replace(table, script=store.load_script(table.structure) or "")
