"""Any valid file after any other: each plan is safe at every step, and leaves nothing to do."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.shaping.build import build_shaping
from lbrouter.compile.shaping.overrides import NO_LIMITS, VlanLimits
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import (
    desired_state,
    observation_scope,
    state_after_down,
    updated_baseline,
)
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import SimKernel
from lbrouter.compile.state.sysctls import sysctls
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState, LinkAdminState, NftTable, Sysctl
from lbrouter.model.plan import Operation
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of
from tests.kit.plan_safety import unsafe_parts
from tests.kit.random_files import (
    MACHINE_PORTS,
    machine_facts,
    random_config,
    random_health,
    random_limits,
)

FEATURES = frozenset({"htb", "ifb", "u32", "vlan", "fq_codel"})
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(kw_only=True)
class Machine:
    """A simulated machine and what lbrouter saved on it."""

    facts: Facts = field(default_factory=lambda: machine_facts(FEATURES))
    kernel: SimKernel = field(init=False)
    allocation: Allocation = field(default_factory=Allocation)
    baseline: KernelState = field(default_factory=KernelState)

    def __post_init__(self) -> None:
        found = KernelState(
            sysctls=frozenset(),
            links=frozenset(LinkAdminState(interface=each, up=False) for each in MACHINE_PORTS),
        )
        self.kernel = SimKernel(found, self.facts)

    def apply(
        self, config: Config, health: GatewayHealth, limits: VlanLimits = NO_LIMITS
    ) -> tuple[Operation, ...]:
        """Every step of an apply, checked; returns them."""
        self._find_settings(config)
        scope = observation_scope(config, self.baseline)
        observed = asyncio.run(self.kernel.observe(scope))
        self.allocation = allocate(config, self.allocation)
        inputs = {"allocation": self.allocation, "health": health, "facts": self.facts}
        shaping = build_shaping(config, **inputs, limits=limits)
        wanted = desired_state(config, **inputs, baseline=self.baseline, shaping=shaping)
        done = self._run(observed, wanted)
        self.baseline = updated_baseline(self.baseline, observed, config)
        assert not diff(asyncio.run(self.kernel.observe(scope)), wanted)
        return done

    def go_down(self) -> None:
        """Every step of `down`, checked."""
        scope = observation_scope(None, self.baseline)
        wanted = state_after_down(self.baseline, self.facts)
        self._run(asyncio.run(self.kernel.observe(scope)), wanted)
        self.baseline = KernelState()

    def _run(self, observed: KernelState, wanted: KernelState) -> tuple[Operation, ...]:
        done = diff(observed, wanted).operations
        asyncio.run(self._execute(done))
        return done

    async def _execute(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            await self.kernel.execute(operation)
            assert unsafe_parts(self.kernel.state, set(MACHINE_PORTS)) == {}, operation

    def _find_settings(self, config: Config) -> None:
        """The settings that this file will set, as a machine has them first."""
        known = {each.path for each in self.kernel.state.sysctls}
        wanted = sysctls(config, frozenset(interfaces_of(config)) & set(MACHINE_PORTS))
        fresh = {Sysctl(path=s.path, value="0") for s in wanted if s.path not in known}
        held = self.kernel.state
        self.kernel.state = replace(held, sysctls=held.sysctls | fresh)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_any_valid_file_follows_any_other(seed: int) -> None:
    random = Random(seed)
    machine = Machine()
    for _ in range(3):
        config = random_config(random)
        for _ in range(random.randint(1, 2)):
            machine.apply(config, random_health(random, config), random_limits(random, config))
    machine.go_down()
    assert not {*machine.kernel.state.classes, *machine.kernel.state.qdiscs}


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.integers(0))
def test_an_apply_undone_at_any_step_leaves_no_trace(seed: int, at: int) -> None:
    random = Random(seed)
    machine = Machine()
    machine.apply(
        config := random_config(random),
        random_health(random, config),
        random_limits(random, config),
    )
    before = machine.kernel.state
    done = machine.apply(
        config := random_config(random),
        random_health(random, config),
        random_limits(random, config),
    )
    kernel = SimKernel(before, machine.facts)
    begun = done[: at % (len(done) + 1)]

    async def do_and_undo() -> None:
        for operation in begun:
            await kernel.execute(operation)
        for operation in reversed(begun):
            await kernel.execute(operation.inverse())

    asyncio.run(do_and_undo())
    ours = replace(kernel.state, sysctls=before.sysctls, links=before.links)
    assert not diff(ours, before)


RENAMES = {
    "uplinks": (("fiber", "glass"), ("lte", "radio")),
    "VLANs": (("stream", "encoder"), ("guests", "public")),
    "exchanged uplinks": (("fiber", "x"), ("lte", "fiber"), ("x", "lte")),
}


@pytest.mark.parametrize("names", RENAMES.values(), ids=RENAMES.keys())
def test_other_names_change_the_ruleset_alone(names: tuple[tuple[str, str], ...]) -> None:
    text = TWO_LINES.replace("metered = true\n", "")
    machine = Machine(facts=facts_of(config_of(text)))
    machine.apply(first := config_of(text), health_of(first))
    for old, new in names:
        text = re.sub(rf"\b{old}\b", new, text)
    done = machine.apply(second := config_of(text), health_of(second))
    assert {type(each.managed_object) for each in done} <= {NftTable}


def test_a_file_that_comes_back_changes_nothing_twice() -> None:
    machine, config = Machine(), random_config(Random(1))
    assert machine.apply(config, health_of(config))
    assert machine.apply(config, health_of(config)) == ()
