"""All or nothing: whatever is refused, interrupted or killed, the kernel ends in a known state."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import plan_with_scripts, transact
from lbrouter.model.errors import (
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import Address, KernelState, LinkAdminState, NftTable, Rule
from lbrouter.model.plan import Action, Operation, Phase, Plan
from tests.contract.conftest import PRISTINE_STATE, SCOPE, KernelRunner, in_namespace, simulated
from tests.contract.transaction.failing_kernels import (
    OPERATION_COUNT,
    CancellingKernel,
    FailingKernel,
    InterruptedKernel,
    LateInterruptedKernel,
    apply_state,
    sample_state,
)

at_every_operation = pytest.mark.parametrize("step", range(OPERATION_COUNT))
ROOT = Path(__file__).parents[3]


def test_a_plan_gives_the_desired_state_and_the_second_time_there_is_none(
    run_on_kernel: KernelRunner,
) -> None:
    async def work(kernel: Kernel) -> list[KernelState]:
        seen = []
        for number in (1, 2, 1):
            await apply_state(kernel, sample_state(number))
            seen.append(await kernel.observe(SCOPE))
            assert not diff(seen[-1], sample_state(number))
        return seen

    assert run_on_kernel(work) == [sample_state(1), sample_state(2), sample_state(1)]


@at_every_operation
def test_a_refusal_at_any_step_leaves_the_state_of_before(
    run_on_kernel: KernelRunner, step: int
) -> None:
    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        await apply_state(kernel, sample_state(1))
        with pytest.raises(NotAppliedError) as caught:
            await apply_state(FailingKernel(kernel, step), sample_state(2))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = run_on_kernel(work)
    assert after == sample_state(1)
    assert words.startswith("No luck with ")
    assert "Everything was undone" in words


@at_every_operation
def test_a_signal_at_any_step_is_answered_by_a_whole_undo(step: int) -> None:
    """Simulated, for signals arrive in the main thread alone, which is pytest's own."""

    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        await apply_state(kernel, sample_state(1))
        with pytest.raises(NotAppliedError) as caught:
            await apply_state(InterruptedKernel(kernel, step), sample_state(2))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = simulated(work)
    assert after == sample_state(1)
    assert "interrupted by SIGTERM" in words
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_at_the_last_moment_is_not_left_for_what_comes_after() -> None:
    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        await apply_state(kernel, sample_state(1))
        with pytest.raises(NotAppliedError) as caught:
            await apply_state(LateInterruptedKernel(kernel, OPERATION_COUNT), sample_state(2))
        await asyncio.sleep(0)
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = simulated(work)
    assert after == sample_state(1)
    assert "interrupted by SIGTERM" in words


@pytest.mark.parametrize("step", range(0, OPERATION_COUNT, 4))
def test_a_cancelled_task_is_undone_and_stays_cancelled(
    run_on_kernel: KernelRunner, step: int
) -> None:
    async def work(kernel: Kernel) -> KernelState:
        await apply_state(kernel, sample_state(1))
        fault = CancellingKernel(kernel, step)
        fault.task = asyncio.ensure_future(apply_state(fault, sample_state(2)))
        with pytest.raises(asyncio.CancelledError):
            await fault.task
        return await kernel.observe(SCOPE)

    assert run_on_kernel(work) == sample_state(1)


class RefusingKernel(FailingKernel):
    """Refuses with a given error; with `always`, every step of the undo as well."""

    def __init__(
        self, kernel: Kernel, error: LbrouterError, *, fails_undo_too: bool = False
    ) -> None:
        super().__init__(kernel, 2)
        self.error = error
        self.fails_undo_too = fails_undo_too

    async def execute(self, operation: Operation) -> None:
        if self.fails_undo_too and self.remaining <= 0:
            raise self.error
        await super().execute(operation)

    async def fail(self, operation: Operation) -> None:
        raise self.error from KeyError(operation.managed_object.key)


@pytest.mark.parametrize("kind", [UnavailableError, NotPermittedError, NotAppliedError])
def test_the_refusal_keeps_its_exit_code(kind: type[LbrouterError]) -> None:
    async def work(kernel: Kernel) -> KernelState:
        with pytest.raises(kind, match="It lacks a thing"):
            await apply_state(RefusingKernel(kernel, kind("It lacks a thing.")), sample_state(1))
        return await kernel.observe(SCOPE)

    assert simulated(work) == PRISTINE_STATE


def test_what_could_not_be_undone_is_named_as_commands() -> None:
    async def work(kernel: Kernel) -> str:
        await apply_state(kernel, sample_state(1))
        stubborn = RefusingKernel(kernel, NotAppliedError("It is stubborn."), fails_undo_too=True)
        with pytest.raises(NotAppliedError) as caught:
            await apply_state(stubborn, sample_state(2))
        return str(caught.value)

    words = simulated(work)
    assert "Not everything could be undone" in words
    assert "ip addr del" in words
    assert "sysctl -w net.ipv4.conf.port0.arp_ignore=1" in words


class RuleDroppingKernel(FailingKernel):
    """Reports success, but does nothing for rules."""

    async def execute(self, operation: Operation) -> None:
        if not isinstance(operation.managed_object, Rule):
            await self.kernel.execute(operation)


def test_what_does_not_hold_in_the_end_is_undone_and_named() -> None:
    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        with pytest.raises(NotAppliedError) as caught:
            await apply_state(RuleDroppingKernel(kernel, 0), sample_state(1))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = simulated(work)
    assert after == PRISTINE_STATE
    assert "ip rule add pref 10032" in words
    assert "ip -6 rule add pref 10033" in words


class RacingKernel(FailingKernel):
    """Another program removes an address once, while the plan runs."""

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        if self.remaining and isinstance(operation.managed_object, Rule):
            self.remaining = 0
            for each in (await self.kernel.observe(SCOPE)).addresses:
                await self.kernel.execute(remove_operation(each))


def remove_operation(address: Address) -> Operation:
    return Operation(phase=Phase.UNADDRESS, action=Action.REMOVE, new=None, old=address, reason="")


def test_what_another_program_took_away_meanwhile_is_put_back(run_on_kernel: KernelRunner) -> None:
    async def work(kernel: Kernel) -> KernelState:
        await apply_state(RacingKernel(kernel, 1), sample_state(1))
        return await kernel.observe(SCOPE)

    assert run_on_kernel(work) == sample_state(1)


def test_an_empty_plan_asks_nothing_of_the_kernel() -> None:
    class Untouchable:
        async def observe(self, scope: ObserveScope) -> KernelState:
            raise AssertionError(scope)

        async def facts(self, scope: ObserveScope) -> Facts:
            raise AssertionError(scope)

        async def execute(self, operation: Operation) -> None:
            raise AssertionError(operation)

    asyncio.run(transact(Untouchable(), Plan(), desired=KernelState(), scope=ObserveScope()))


def run_interrupted_apply(mode: str, step: int) -> "subprocess.CompletedProcess[str]":
    """A separate process in the namespace of this thread that applies state 2 over state 1."""
    command = [
        sys.executable,
        "-m",
        "tests.contract.transaction.interrupted_apply",
        mode,
        str(step),
    ]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)


def in_namespace_with_state_1(work: Callable[[], KernelState]) -> KernelState:
    """`work` in a namespace that holds state 1."""

    def prepared() -> KernelState:
        apply_sample_state(1)
        return work()

    return in_namespace(prepared)


def apply_sample_state(number: int) -> KernelState:
    """What the kernel holds after another apply."""

    async def opened() -> KernelState:
        async with LinuxKernel() as kernel:
            await apply_state(kernel, sample_state(number))
            return await kernel.observe(SCOPE)

    return asyncio.run(opened())


@pytest.mark.slow
@at_every_operation
def test_after_a_kill_at_any_step_the_next_apply_heals(step: int) -> None:
    def work() -> KernelState:
        assert run_interrupted_apply("killed", step).returncode == -signal.SIGKILL
        assert apply_sample_state(2) == sample_state(2)
        return apply_sample_state(1)

    assert in_namespace_with_state_1(work) == sample_state(1)


@pytest.mark.slow
def test_a_process_that_gets_a_signal_undoes_and_reports() -> None:
    def work() -> KernelState:
        done = run_interrupted_apply("interrupted", OPERATION_COUNT // 2)
        assert done.returncode == 75, done.stderr
        assert "interrupted by SIGTERM" in done.stdout
        return asyncio.run(look())

    async def look() -> KernelState:
        async with LinuxKernel() as kernel:
            return await kernel.observe(SCOPE)

    assert in_namespace_with_state_1(work) == sample_state(1)


def test_old_rulesets_get_their_text_from_the_store(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save_script("d1", "add table inet lbrouter")
    known = NftTable(structure="d1", elements={})
    unknown = NftTable(structure="d2", elements={})
    link = LinkAdminState(interface="port0", up=True)
    steps = [
        Operation(phase=Phase.RULESET, action=Action.REMOVE, new=None, old=known, reason=""),
        Operation(phase=Phase.RULESET, action=Action.REMOVE, new=None, old=unknown, reason=""),
        Operation(phase=Phase.LINK, action=Action.ADD, new=link, old=None, reason=""),
    ]
    filled = plan_with_scripts(Plan(operations=tuple(steps)), store).operations
    scripts = [each.old.script for each in filled if isinstance(each.old, NftTable)]
    assert scripts == ["add table inet lbrouter", ""]
    assert filled[2] == steps[2]


def test_the_states_differ_in_every_verb() -> None:
    verbs = {operation.action for operation in diff(sample_state(1), sample_state(2)).operations}
    assert verbs == set(Action)
