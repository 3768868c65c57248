"""`kill -9` at every single step of a whole apply and of a whole `down`: never open, healed."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lbrouter.compile.state.desired import state_after_down
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState
from tests.contract.conftest import shell
from tests.contract.transaction.failing_kernels import KillingKernel
from tests.contract.transaction.whole_config import (
    INTERFACE_NAMES,
    SCOPE,
    STATE_SNAPSHOT_COMMAND,
    compute_desired,
    save_script,
)

pytestmark = [pytest.mark.needs("htb", "nft_nat"), pytest.mark.slow]

FORWARDING = "net/ipv4/ip_forward"


def _run_on_kernel(work: Callable[[LinuxKernel], Awaitable[int]]) -> int:
    async def opened() -> int:
        async with LinuxKernel() as kernel:
            return await work(kernel)

    return asyncio.run(opened())


def _is_killed(work: Callable[[LinuxKernel], Awaitable[int]]) -> bool:
    """Run `work` in a child process; whether it was killed (otherwise it ended by itself)."""
    child = os.fork()
    if child == 0:
        try:
            _run_on_kernel(work)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _is_closed_or_guarded(state: KernelState) -> bool:
    """Either nothing is forwarded, or the firewall stands and knows every interface that is up."""
    forwards = any(s.path == FORWARDING and s.value == "1" for s in state.sysctls)
    addressed = {address.interface for address in state.addresses}
    if not forwards and not addressed:
        return True
    named = {key for key, _ in state.nft.elements["known_interfaces"]} if state.nft else set()
    return addressed <= named


def test_an_apply_that_is_killed_after_every_step_still_gets_there(tmp_path: Path) -> None:
    """Each run makes one step and is killed: each prefix of the plan is what a next run finds."""
    store = StateStore(tmp_path)

    async def one_step(kernel: LinuxKernel) -> int:
        assert _is_closed_or_guarded(await kernel.observe(SCOPE))
        await _apply_on(KillingKernel(kernel, 0), await compute_desired(kernel), store)
        return 0

    def every_step() -> int:
        _create_interfaces()
        baseline, before, kills = _observe(), shell(STATE_SNAPSHOT_COMMAND), 0
        while _is_killed(one_step):
            kills += 1
        _run_on_kernel(_assert_converged)
        _run_on_kernel(lambda kernel: _down(kernel, store, baseline))
        assert shell(STATE_SNAPSHOT_COMMAND) == before
        return kills

    assert in_scratch_namespace(every_step) > 100


def test_a_down_that_is_killed_after_every_step_still_gets_there(tmp_path: Path) -> None:
    store = StateStore(tmp_path)

    def every_step() -> int:
        _create_interfaces()
        baseline, before, kills = _observe(), shell(STATE_SNAPSHOT_COMMAND), 0

        async def up(kernel: LinuxKernel) -> int:
            return await _apply_on(kernel, await compute_desired(kernel), store)

        async def one_step(kernel: LinuxKernel) -> int:
            assert _is_closed_or_guarded(await kernel.observe(SCOPE))
            return await _down(KillingKernel(kernel, 0), store, baseline)

        _run_on_kernel(up)
        while _is_killed(one_step):
            kills += 1
        assert shell(STATE_SNAPSHOT_COMMAND) == before
        return kills

    assert in_scratch_namespace(every_step) > 50


async def _apply_on(kernel: Kernel, desired: KernelState, store: StateStore) -> int:
    save_script(store, desired)
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
    return 0


async def _down(kernel: Kernel, store: StateStore, baseline: KernelState) -> int:
    desired = state_after_down(baseline, await kernel.facts(SCOPE))
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
    return 0


async def _assert_converged(kernel: LinuxKernel) -> int:
    assert not diff(await kernel.observe(SCOPE), await compute_desired(kernel))
    return 0


def _create_interfaces() -> None:
    for name in INTERFACE_NAMES:
        shell(f"ip link add {name} type veth peer name far-{name}")
        shell(f"ip link set {name} up; ip link set far-{name} up")


def _observe() -> KernelState:
    async def look() -> KernelState:
        async with LinuxKernel() as kernel:
            return await kernel.observe(SCOPE)

    return asyncio.run(look())
