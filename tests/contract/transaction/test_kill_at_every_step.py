"""`kill -9` at every single step of a whole apply and of a whole `down`: never open, healed."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lbrouter.compile.state.desired import nothing
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch
from lbrouter.kernel.storage.store import Store
from lbrouter.kernel.transaction import transact
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState
from tests.contract.conftest import shell
from tests.contract.transaction.failing_kernels import Killed
from tests.contract.transaction.test_whole_config import LOOK, NAMES, SCOPE, remembered, wanted

pytestmark = [pytest.mark.needs("htb", "nft_nat"), pytest.mark.slow]

FORWARDING = "net/ipv4/ip_forward"


def _open_kernel(work: Callable[[LinuxKernel], Awaitable[int]]) -> int:
    async def opened() -> int:
        async with LinuxKernel() as kernel:
            return await work(kernel)

    return asyncio.run(opened())


def _dies(work: Callable[[LinuxKernel], Awaitable[int]]) -> bool:
    """Run `work` in a child; whether it was killed (else it came to its end)."""
    child = os.fork()
    if child == 0:
        try:
            _open_kernel(work)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _judged(state: KernelState) -> bool:
    """Either nothing is forwarded, or the firewall stands and knows every interface that is up."""
    forwards = any(s.path == FORWARDING and s.value == "1" for s in state.sysctls)
    addressed = {address.interface for address in state.addresses}
    if not forwards and not addressed:
        return True
    named = {key for key, _ in state.nft.elements["named"]} if state.nft else set()
    return addressed <= named


def test_an_apply_that_is_killed_after_every_step_still_gets_there(tmp_path: Path) -> None:
    """Each run makes one step and is killed: each prefix of the plan is what a next run finds."""
    store = Store(tmp_path)

    async def one_step(kernel: LinuxKernel) -> int:
        assert _judged(await kernel.observe(SCOPE))
        await _apply_on(Killed(kernel, 0), await wanted(kernel), store)
        return 0

    def every_step() -> int:
        _interfaces()
        baseline, before, kills = _observed(), shell(LOOK), 0
        while _dies(one_step):
            kills += 1
        _open_kernel(_agrees)
        _open_kernel(lambda kernel: _down(kernel, store, baseline))
        assert shell(LOOK) == before
        return kills

    assert in_scratch(every_step) > 100


def test_a_down_that_is_killed_after_every_step_still_gets_there(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def every_step() -> int:
        _interfaces()
        baseline, before, kills = _observed(), shell(LOOK), 0

        async def up(kernel: LinuxKernel) -> int:
            return await _apply_on(kernel, await wanted(kernel), store)

        async def one_step(kernel: LinuxKernel) -> int:
            assert _judged(await kernel.observe(SCOPE))
            return await _down(Killed(kernel, 0), store, baseline)

        _open_kernel(up)
        while _dies(one_step):
            kills += 1
        assert shell(LOOK) == before
        return kills

    assert in_scratch(every_step) > 50


async def _apply_on(kernel: Kernel, desired: KernelState, store: Store) -> int:
    remembered(store, desired)
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
    return 0


async def _down(kernel: Kernel, store: Store, baseline: KernelState) -> int:
    desired = nothing(baseline, await kernel.facts(SCOPE))
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
    return 0


async def _agrees(kernel: LinuxKernel) -> int:
    assert not diff(await kernel.observe(SCOPE), await wanted(kernel))
    return 0


def _interfaces() -> None:
    for name in NAMES:
        shell(f"ip link add {name} type veth peer name far-{name}")
        shell(f"ip link set {name} up; ip link set far-{name} up")


def _observed() -> KernelState:
    async def look() -> KernelState:
        async with LinuxKernel() as kernel:
            return await kernel.observe(SCOPE)

    return asyncio.run(look())
