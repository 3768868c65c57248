"""A whole configuration on the real kernel of a fresh namespace."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state, observation_scope
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.read.features import features
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import KernelState, NftTable
from tests.contract.conftest import shell
from tests.kit.builders import TWO_LINES, config_of

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
