"""Steering beside a change that runs, at each of its steps, and after one that was refused."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import observation_scope
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import SimKernel
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.reconcile.steering import Steering
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily, KernelState, NftTable
from lbrouter.model.messages.message import told
from lbrouter.model.plan import Operation
from tests.kit.builders import TWO_LINES, facts_of, health_of
from tests.kit.changing_kernel import ChangingKernel

OLD_FILE = parse_config(TWO_LINES.encode(), source="old")
SAME_STRUCTURE = parse_config(TWO_LINES.replace("40mbit", "30mbit").encode(), source="same")
NEW_STRUCTURE = parse_config(
    TWO_LINES.replace("ports = [1935]", "ports = [1936]")
    .replace('interface = "wan2"', 'interface = "wan3"')
    .encode(),
    source="new",
)
NAMES_EXCHANGED = parse_config(
    TWO_LINES.replace("fiber", "other").replace("lte", "fiber").replace("other", "lte").encode(),
    source="exchanged",
)
NEW_FILES = {
    "same-structure": SAME_STRUCTURE,
    "new-structure": NEW_STRUCTURE,
    "names-exchanged": NAMES_EXCHANGED,
}

ALL_UP = health_of(OLD_FILE.config)
FIBER_DOWN = health_of(OLD_FILE.config, fiber=UplinkState.DOWN)
LINES_DEAD = {"names-exchanged": health_of(NAMES_EXCHANGED.config, lte=UplinkState.DOWN)}
"""`FIBER_DOWN` as the new file calls it, where it calls it otherwise."""


def without_ipv6(uplink: str) -> GatewayHealth:
    """All up, but the IPv6 of one uplink; the uplink itself, the better family, is up."""
    families = {
        AddressFamily.V4: FamilyHealth(state=UplinkState.UP, why=told("")),
        AddressFamily.V6: FamilyHealth(state=UplinkState.DOWN, why=told(""), alive=False),
    }
    own = replace(ALL_UP.uplinks[uplink], families=families)
    return replace(ALL_UP, uplinks={**ALL_UP.uplinks, uplink: own})


class StrictKernel(SimKernel):
    """Refuses, as nft does, a change of elements that are not there; runs `steer` before a step."""

    def __init__(self, state: KernelState) -> None:
        super().__init__(state, facts_of(NEW_STRUCTURE.config))

    async def execute(self, operation: Operation) -> None:
        new, old = operation.new, operation.old
        if isinstance(new, NftTable) and isinstance(old, NftTable) and self.state.nft is not None:
            held = self.state.nft
            if old.structure == new.structure and held.elements != old.elements:
                raise NotAppliedError("nft: no such element")
        await super().execute(operation)

    def _interfaces(self) -> set[str]:
        return {*super()._interfaces(), "wan1", "wan2", "wan3"}


class OpenKernel(AbstractAsyncContextManager[SimKernel]):
    def __init__(self, kernel: SimKernel) -> None:
        self.kernel = kernel

    async def __aenter__(self) -> SimKernel:
        return self.kernel

    async def __aexit__(self, *_: object) -> None:
        return None


def snapshot_of(file: ConfigFile, observed: KernelState, health: GatewayHealth) -> MachineSnapshot:
    return MachineSnapshot(
        scope=observation_scope(file.config, KernelState()),
        facts=facts_of(file.config),
        observed=observed,
        baseline=KernelState(),
        allocation=allocate(file.config, Allocation()),
        health=health,
    )


def applied_of(file: ConfigFile, health: GatewayHealth) -> AppliedState:
    return snapshot_of(file, KernelState(), health).planned(file)


class Machine:
    """The old file is applied; a change to `file` is made, in which the line dies."""

    def __init__(
        self,
        folder: Path,
        file: ConfigFile,
        *,
        when: int,
        refused: int = -1,
        dead: GatewayHealth = FIBER_DOWN,
    ) -> None:
        before = applied_of(OLD_FILE, ALL_UP)
        self.kernel = StrictKernel(before.state)
        self.applier = Applier(self.kernel, state_dir=folder, runtime_dir=folder)  # type: ignore[arg-type]
        self.steering = Steering(self.applier, open_kernel=lambda: OpenKernel(self.kernel))
        self.changing = ChangingKernel(
            self.steering,
            when=when,
            refused=refused,
            dies=lambda: self.steering.steer(OLD_FILE.config, dead),
            table=lambda: self.kernel.state.nft,
        )
        self.applier.change_view = self.changing.view
        self.steering.confirm(before)
        self.planned = snapshot_of(file, before.state, ALL_UP).planned(file)
        self.plan = diff(before.state, self.planned.state)

    async def change(self) -> None:
        await self.steering.steer(OLD_FILE.config, ALL_UP)
        await self.applier.run_transaction(self.plan, self.planned)


def wanted_elements(file: ConfigFile, health: GatewayHealth) -> object:
    table = applied_of(file, health).state.nft
    assert table is not None
    return table.elements


def step_count(file: ConfigFile) -> int:
    plan = diff(applied_of(OLD_FILE, ALL_UP).state, applied_of(file, ALL_UP).state)
    return len(plan.operations)


@pytest.mark.parametrize("name", NEW_FILES)
def test_a_line_that_dies_at_any_step_of_a_change_is_left_at_once(
    name: str, tmp_path: Path
) -> None:
    file = NEW_FILES[name]
    for when in range(step_count(file)):
        machine = Machine(tmp_path, file, when=when)

        async def work(machine: Machine = machine) -> None:
            await machine.change()
            await machine.steering.steer(OLD_FILE.config, FIBER_DOWN)

        asyncio.run(work())
        assert machine.changing.wrong == [], when
        table = machine.kernel.state.nft
        assert table is not None
        dead = LINES_DEAD.get(name, FIBER_DOWN)
        assert table.elements == wanted_elements(file, dead), when
        assert machine.kernel.state.routes == applied_of(file, dead).state.routes, when


@pytest.mark.parametrize("name", NEW_FILES)
def test_a_family_that_dies_alone_at_any_step_of_a_change_is_left_and_refuses_nothing(
    name: str, tmp_path: Path
) -> None:
    file = NEW_FILES[name]
    old, new = without_ipv6("fiber"), without_ipv6("lte" if name in LINES_DEAD else "fiber")
    for when in range(step_count(file)):
        machine = Machine(tmp_path, file, when=when, dead=old)
        asyncio.run(machine.change())
        table = machine.kernel.state.nft
        assert table is not None
        assert table.elements == wanted_elements(file, new), when
        assert machine.kernel.state.routes == applied_of(file, new).state.routes, when


def refusals(steps: int) -> Iterator[tuple[int, int]]:
    """Steps before which the line dies, and later ones that are refused: a sample of all pairs."""
    chosen = random.Random(steps)
    for refused in range(steps):
        yield chosen.randint(0, refused), refused


@pytest.mark.parametrize("name", NEW_FILES)
def test_a_change_that_is_refused_after_a_line_died_leaves_the_old_file_steered(
    name: str, tmp_path: Path
) -> None:
    file = NEW_FILES[name]
    steps = step_count(file)
    for when, refused in refusals(steps):
        machine = Machine(tmp_path, file, when=when, refused=refused)

        async def work(machine: Machine = machine) -> None:
            with pytest.raises(NotAppliedError, match="Everything was undone"):
                await machine.change()
            assert machine.steering.needs_observation
            await machine.steering.observe_again()
            await machine.steering.steer(OLD_FILE.config, FIBER_DOWN)

        asyncio.run(work())
        assert machine.changing.wrong == [], (when, refused)
        table = machine.kernel.state.nft
        assert table is not None
        assert table.elements == wanted_elements(OLD_FILE, FIBER_DOWN), (when, refused)


def test_after_a_change_that_was_refused_it_steers_from_what_is_observed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, NEW_STRUCTURE, when=-1, refused=3)

    async def work() -> None:
        with suppress(NotAppliedError):
            await machine.change()
        await machine.steering.observe_again()
        done = await machine.steering.steer(OLD_FILE.config, FIBER_DOWN)
        assert done is not None
        assert done.operations

    asyncio.run(work())
    table = machine.kernel.state.nft
    assert table is not None
    assert table.elements == wanted_elements(OLD_FILE, FIBER_DOWN)


class HalfBrokenKernel(SimKernel):
    """Refuses every route."""

    async def execute(self, operation: Operation) -> None:
        if not isinstance(operation.new or operation.old, NftTable):
            raise NotAppliedError("no routes today")
        await super().execute(operation)


def test_an_operation_that_is_refused_stops_none_of_the_others(tmp_path: Path) -> None:
    before = applied_of(OLD_FILE, ALL_UP)
    kernel = HalfBrokenKernel(before.state, facts_of(OLD_FILE.config))
    applier = Applier(kernel, state_dir=tmp_path, runtime_dir=tmp_path)  # type: ignore[arg-type]
    steering = Steering(applier, open_kernel=lambda: OpenKernel(kernel))
    steering.confirm(before)

    async def work() -> None:
        done = await steering.steer(OLD_FILE.config, FIBER_DOWN)
        assert done is not None
        assert (str(done.refused), done.complete) == ("no routes today", True)

    asyncio.run(work())
    assert kernel.state.nft is not None
    assert kernel.state.nft.elements == wanted_elements(OLD_FILE, FIBER_DOWN)
    assert steering.applied is not None
    assert steering.applied.state == replace(before.state, nft=kernel.state.nft)
