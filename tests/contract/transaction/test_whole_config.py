"""The whole of a configuration on the real kernel: applied, refused on the way, taken away."""

from pathlib import Path

import pytest

from lbrouter.compile.state.desired import state_after_down
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import KernelState
from tests.contract.conftest import shell
from tests.contract.transaction.failing_kernels import FailingKernel
from tests.contract.transaction.whole_config import (
    SCOPE,
    STATE_SNAPSHOT_COMMAND,
    compute_desired,
    on_kernel,
    save_script,
)

pytestmark = pytest.mark.needs("htb", "nft_nat")


async def apply(kernel: LinuxKernel, store: StateStore) -> KernelState:
    desired = await compute_desired(kernel)
    save_script(store, desired)
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
    return desired


async def down(kernel: LinuxKernel, store: StateStore, *, baseline: KernelState) -> None:
    desired = state_after_down(baseline, await kernel.facts(SCOPE))
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)


def test_all_is_observed_as_it_was_asked_for_and_down_leaves_nothing(tmp_path: Path) -> None:
    store = StateStore(tmp_path)

    async def work(kernel: LinuxKernel) -> tuple[str, str]:
        before, baseline = shell(STATE_SNAPSHOT_COMMAND), await kernel.observe(SCOPE)
        desired = await apply(kernel, store)
        assert not diff(await kernel.observe(SCOPE), desired)
        assert not diff(await kernel.observe(SCOPE), await compute_desired(kernel))
        await down(kernel, store, baseline=baseline)
        return before, shell(STATE_SNAPSHOT_COMMAND)

    before, after = on_kernel(work)
    assert after == before


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_refusal_on_the_way_up_leaves_a_bare_machine(tmp_path: Path, tenth: int) -> None:
    store = StateStore(tmp_path)

    async def work(kernel: LinuxKernel) -> tuple[str, str]:
        before, desired = shell(STATE_SNAPSHOT_COMMAND), await compute_desired(kernel)
        plan = diff(await kernel.observe(SCOPE), desired)
        fault = FailingKernel(kernel, len(plan.operations) * tenth // 10)
        with pytest.raises(NotAppliedError, match="Everything was undone"):
            await transact(fault, plan, desired=desired, scope=SCOPE, store=store)
        return before, shell(STATE_SNAPSHOT_COMMAND)

    before, after = on_kernel(work)
    assert after == before


@pytest.mark.parametrize("tenth", range(10))
def test_a_refusal_on_the_way_down_leaves_all_that_stood(tmp_path: Path, tenth: int) -> None:
    store = StateStore(tmp_path)

    async def work(kernel: LinuxKernel) -> KernelState:
        baseline, desired = await kernel.observe(SCOPE), await apply(kernel, store)
        gone = state_after_down(baseline, await kernel.facts(SCOPE))
        plan = diff(await kernel.observe(SCOPE), gone)
        fault = FailingKernel(kernel, len(plan.operations) * tenth // 10)
        with pytest.raises(NotAppliedError, match="Everything was undone"):
            await transact(fault, plan, desired=gone, scope=SCOPE, store=store)
        assert not diff(await kernel.observe(SCOPE), desired)
        return desired

    assert on_kernel(work).nft is not None
