"""The whole of a configuration on the real kernel: applied, refused on the way, taken away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state, observation_scope, state_after_down
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.read.features import features
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import KernelState, NftTable
from tests.contract.conftest import shell
from tests.contract.transaction.failing_kernels import FailingKernel
from tests.kit.builders import TWO_LINES, config_of

pytestmark = pytest.mark.needs("htb", "nft_nat")

T = TypeVar("T")

CONFIG = config_of(TWO_LINES)
SCOPE = observation_scope(CONFIG, KernelState())
ALLOCATION = allocate(CONFIG, Allocation())
INTERFACE_NAMES = sorted(interfaces_of(CONFIG))

STATE_SNAPSHOT_COMMAND = """
ip -o link | awk '{ print $2, ($3 ~ /[<,]UP[,>]/) }'
ip -o addr | sed 's/valid_lft.*//; /fe80/d'
ip rule; ip -6 rule
ip -4 route show table all; ip -6 route show table all | sed '/fe80/d; /ff00/d'
tc qdisc; nft list ruleset
sysctl -a 2>/dev/null | sed -n '/^net.ipv[46].*\\(filter\\|forward\\|accept\\|arp_\\)/p'
"""
"""All that lbrouter could touch. Carriers and link-local addresses settle by themselves."""


def on_kernel(work: Callable[[LinuxKernel], Awaitable[T]]) -> T:
    """`work` in a namespace that has every interface that the configuration names."""

    async def opened() -> T:
        async with LinuxKernel() as kernel:
            return await work(kernel)

    def prepared() -> T:
        for name in INTERFACE_NAMES:
            shell(f"ip link add {name} type veth peer name far-{name}")
            shell(f"ip link set {name} up; ip link set far-{name} up")
        return asyncio.run(opened())

    return in_scratch_namespace(prepared)


async def compute_desired(kernel: LinuxKernel) -> KernelState:
    facts: Facts = replace(await kernel.facts(SCOPE), features=features())
    health = health_without_daemon(CONFIG, facts)
    return desired_state(
        CONFIG, allocation=ALLOCATION, health=health, facts=facts, baseline=KernelState()
    )


def save_script(store: StateStore, state: KernelState) -> None:
    table = state.nft
    assert isinstance(table, NftTable)
    store.save_script(table.structure, table.script)


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
