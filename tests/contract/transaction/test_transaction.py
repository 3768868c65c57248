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
from lbrouter.kernel.storage.store import Store
from lbrouter.kernel.transaction import transact, with_scripts
from lbrouter.model.errors import (
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.facts import Facts, Scope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import Address, KernelState, LinkFlag, NftTable, Rule
from lbrouter.model.plan import Operation, Phase, Plan, Verb
from tests.contract.conftest import BARE, SCOPE, Arena, in_namespace, simulated
from tests.contract.transaction.failing_kernels import (
    STEPS,
    Cancelled,
    Faulty,
    Interrupted,
    reach,
    state,
)

every_step = pytest.mark.parametrize("step", range(STEPS))
ROOT = Path(__file__).parents[3]


def test_a_plan_gives_the_desired_state_and_the_second_time_there_is_none(arena: Arena) -> None:
    async def work(kernel: Kernel) -> list[KernelState]:
        seen = []
        for number in (1, 2, 1):
            await reach(kernel, state(number))
            seen.append(await kernel.observe(SCOPE))
            assert not diff(seen[-1], state(number))
        return seen

    assert arena(work) == [state(1), state(2), state(1)]


@every_step
def test_a_refusal_at_any_step_leaves_the_state_of_before(arena: Arena, step: int) -> None:
    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        await reach(kernel, state(1))
        with pytest.raises(NotAppliedError) as caught:
            await reach(Faulty(kernel, step), state(2))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = arena(work)
    assert after == state(1)
    assert words.startswith("No luck with ")
    assert "Everything was undone" in words


@every_step
def test_a_signal_at_any_step_is_answered_by_a_whole_undo(step: int) -> None:
    """Simulated, for signals arrive in the main thread alone, which is pytest's own."""

    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        await reach(kernel, state(1))
        with pytest.raises(NotAppliedError) as caught:
            await reach(Interrupted(kernel, step), state(2))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = simulated(work)
    assert after == state(1)
    assert "interrupted by SIGTERM" in words
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("step", range(0, STEPS, 4))
def test_a_cancelled_task_is_undone_and_stays_cancelled(arena: Arena, step: int) -> None:
    async def work(kernel: Kernel) -> KernelState:
        await reach(kernel, state(1))
        fault = Cancelled(kernel, step)
        fault.task = asyncio.ensure_future(reach(fault, state(2)))
        with pytest.raises(asyncio.CancelledError):
            await fault.task
        return await kernel.observe(SCOPE)

    assert arena(work) == state(1)


class Refusing(Faulty):
    """Refuses with a given error; with `always`, every step of the undo as well."""

    def __init__(self, kernel: Kernel, error: LbrouterError, *, always: bool = False) -> None:
        super().__init__(kernel, 2)
        self.error = error
        self.always = always

    async def execute(self, operation: Operation) -> None:
        if self.always and self.left <= 0:
            raise self.error
        await super().execute(operation)

    async def fault(self, operation: Operation) -> None:
        raise self.error from KeyError(operation.noun.key)


@pytest.mark.parametrize("kind", [UnavailableError, NotPermittedError, NotAppliedError])
def test_the_refusal_keeps_its_exit_code(kind: type[LbrouterError]) -> None:
    async def work(kernel: Kernel) -> KernelState:
        with pytest.raises(kind, match="It lacks a thing"):
            await reach(Refusing(kernel, kind("It lacks a thing.")), state(1))
        return await kernel.observe(SCOPE)

    assert simulated(work) == BARE


def test_what_could_not_be_undone_is_named_in_words_to_type() -> None:
    async def work(kernel: Kernel) -> str:
        await reach(kernel, state(1))
        stubborn = Refusing(kernel, NotAppliedError("It is stubborn."), always=True)
        with pytest.raises(NotAppliedError) as caught:
            await reach(stubborn, state(2))
        return str(caught.value)

    words = simulated(work)
    assert "Not everything could be undone" in words
    assert "ip addr del" in words
    assert "sysctl -w net.ipv4.conf.port0.arp_ignore=1" in words


class Forgetful(Faulty):
    """Says that it did all, and did nothing for rules."""

    async def execute(self, operation: Operation) -> None:
        if not isinstance(operation.noun, Rule):
            await self.kernel.execute(operation)


def test_what_does_not_hold_in_the_end_is_undone_and_named() -> None:
    async def work(kernel: Kernel) -> tuple[str, KernelState]:
        with pytest.raises(NotAppliedError) as caught:
            await reach(Forgetful(kernel, 0), state(1))
        return str(caught.value), await kernel.observe(SCOPE)

    words, after = simulated(work)
    assert after == BARE
    assert "ip rule add pref 10032" in words
    assert "ip -6 rule add pref 10033" in words


class Racing(Faulty):
    """Somebody else takes an address away once, while the plan runs."""

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        if self.left and isinstance(operation.noun, Rule):
            self.left = 0
            for each in (await self.kernel.observe(SCOPE)).addresses:
                await self.kernel.execute(removal(each))


def removal(address: Address) -> Operation:
    return Operation(phase=Phase.UNADDRESS, verb=Verb.REMOVE, new=None, old=address, reason="")


def test_what_another_program_took_away_meanwhile_is_put_back(arena: Arena) -> None:
    async def work(kernel: Kernel) -> KernelState:
        await reach(Racing(kernel, 1), state(1))
        return await kernel.observe(SCOPE)

    assert arena(work) == state(1)


def test_an_empty_plan_asks_nothing_of_the_kernel() -> None:
    class Untouchable:
        async def observe(self, scope: Scope) -> KernelState:
            raise AssertionError(scope)

        async def facts(self, scope: Scope) -> Facts:
            raise AssertionError(scope)

        async def execute(self, operation: Operation) -> None:
            raise AssertionError(operation)

    asyncio.run(transact(Untouchable(), Plan(), desired=KernelState(), scope=Scope()))


def victim(manner: str, step: int) -> "subprocess.CompletedProcess[str]":
    """A process of its own in the namespace of this thread, on the way from state 1 to state 2."""
    command = [
        sys.executable,
        "-m",
        "tests.contract.transaction.interrupted_apply",
        manner,
        str(step),
    ]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)


def in_real(work: Callable[[], KernelState]) -> KernelState:
    """`work` in a namespace that holds state 1."""

    def prepared() -> KernelState:
        heal(1)
        return work()

    return in_namespace(prepared)


def heal(number: int) -> KernelState:
    """What the kernel holds after another apply."""

    async def opened() -> KernelState:
        async with LinuxKernel() as kernel:
            await reach(kernel, state(number))
            return await kernel.observe(SCOPE)

    return asyncio.run(opened())


@pytest.mark.slow
@every_step
def test_after_a_kill_at_any_step_the_next_apply_heals(step: int) -> None:
    def work() -> KernelState:
        assert victim("killed", step).returncode == -signal.SIGKILL
        assert heal(2) == state(2)
        return heal(1)

    assert in_real(work) == state(1)


@pytest.mark.slow
def test_a_process_that_gets_a_signal_undoes_and_tells() -> None:
    def work() -> KernelState:
        done = victim("interrupted", STEPS // 2)
        assert done.returncode == 75, done.stderr
        assert "interrupted by SIGTERM" in done.stdout
        return asyncio.run(look())

    async def look() -> KernelState:
        async with LinuxKernel() as kernel:
            return await kernel.observe(SCOPE)

    assert in_real(work) == state(1)


def test_old_rulesets_get_their_text_from_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_script("d1", "add table inet lbrouter")
    known = NftTable(structure="d1", elements={})
    unknown = NftTable(structure="d2", elements={})
    link = LinkFlag(interface="port0", up=True)
    steps = [
        Operation(phase=Phase.RULESET, verb=Verb.REMOVE, new=None, old=known, reason=""),
        Operation(phase=Phase.RULESET, verb=Verb.REMOVE, new=None, old=unknown, reason=""),
        Operation(phase=Phase.LINK, verb=Verb.ADD, new=link, old=None, reason=""),
    ]
    filled = with_scripts(Plan(operations=tuple(steps)), store).operations
    scripts = [each.old.script for each in filled if isinstance(each.old, NftTable)]
    assert scripts == ["add table inet lbrouter", ""]
    assert filled[2] == steps[2]


def test_the_states_differ_in_every_verb() -> None:
    verbs = {operation.verb for operation in diff(state(1), state(2)).operations}
    assert verbs == set(Verb)
