"""Steering beside a change on the real kernel: a line dies at a step, another step is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.compile.state.diff import diff
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.reconcile.steering import Steering
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import nft
from lbrouter.kernel.read.features import features
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from tests.contract.transaction.whole_config import ALLOCATION, SCOPE, on_kernel, save_script
from tests.kit.builders import TWO_LINES, health_of
from tests.kit.changing_kernel import ChangingKernel

pytestmark = pytest.mark.needs("htb", "nft_nat")

OLD_FILE = parse_config(TWO_LINES.encode(), source="old")
NEW_FILE = parse_config(
    TWO_LINES.replace("ports = [1935]", "ports = [1936]")
    .replace("12mbit", "8mbit")
    .replace("198.51.100.2/30", "198.51.100.6/30")
    .replace("198.51.100.1", "198.51.100.5")
    .replace("10.10.99.1", "10.10.98.1")
    .encode(),
    source="new",
)
ALL_UP = health_of(OLD_FILE.config)
FIBER_DOWN = health_of(OLD_FILE.config, fiber=UplinkState.DOWN)


async def planned_of(kernel: LinuxKernel, file: ConfigFile, health: GatewayHealth) -> AppliedState:
    snapshot = MachineSnapshot(
        scope=SCOPE,
        facts=replace(await kernel.facts(SCOPE), features=features()),
        observed=await kernel.observe(SCOPE),
        baseline=KernelState(),
        allocation=ALLOCATION,
        health=health,
    )
    return snapshot.planned(file)


class Machine:
    """The old file is applied on a kernel."""

    def __init__(
        self, folder: Path, kernel: LinuxKernel, *, when: float, refused: float = -1.0
    ) -> None:
        """The line dies, and a step is refused, after these parts of the change; -1 is never."""
        self.parts = when, refused
        self.kernel = kernel
        self.applier = Applier(kernel, state_dir=folder, runtime_dir=folder)
        self.steering = Steering(self.applier)
        self.changing = ChangingKernel(
            self.steering,
            when=-1,
            dies=lambda: self.steering.steer(OLD_FILE.config, FIBER_DOWN),
            table=nft.observe_table,
        )

    async def apply(self, file: ConfigFile) -> None:
        """Apply `file` for lines that are up."""
        planned = await planned_of(self.kernel, file, ALL_UP)
        save_script(self.applier.store, planned.state)
        steps = diff(planned.snapshot.observed, planned.state)
        when, refused = (int(part * len(steps.operations)) for part in self.parts)
        self.changing.when, self.changing.refused = when, refused
        await self.applier.run_transaction(steps, planned)

    async def change(self) -> None:
        self.steering.confirm(await planned_of(self.kernel, OLD_FILE, ALL_UP))
        await self.steering.steer(OLD_FILE.config, ALL_UP)
        self.applier.change_view = self.changing.view
        await self.apply(NEW_FILE)

    async def left_over(self, file: ConfigFile) -> list[str]:
        """What a reconcile would change for `file` with the line down."""
        planned = await planned_of(self.kernel, file, FIBER_DOWN)
        steps = diff(planned.snapshot.observed, planned.state).operations
        return [str(each.managed_object.key) for each in steps if each.phase.name != "CLASS"]


@pytest.mark.parametrize("tenth", range(10))
def test_a_line_that_dies_while_a_file_is_applied(tmp_path: Path, tenth: int) -> None:
    """The walk over all steps is in the pure ring."""

    async def work(kernel: LinuxKernel) -> None:
        machine = Machine(tmp_path, kernel, when=tenth / 10)
        await machine.apply(OLD_FILE)
        await machine.change()
        await machine.steering.steer(OLD_FILE.config, FIBER_DOWN)
        assert machine.changing.wrong == []
        assert await machine.left_over(NEW_FILE) == []
        await machine.steering.close()

    on_kernel(work)


@pytest.mark.parametrize("tenth", range(10))
def test_a_line_that_dies_before_a_step_that_is_refused(tmp_path: Path, tenth: int) -> None:
    async def work(kernel: LinuxKernel) -> None:
        machine = Machine(tmp_path, kernel, when=tenth / 20, refused=tenth / 10)
        await machine.apply(OLD_FILE)
        with pytest.raises(NotAppliedError, match="Everything was undone"):
            await machine.change()
        await machine.steering.observe_again()
        await machine.steering.steer(OLD_FILE.config, FIBER_DOWN)
        assert machine.changing.wrong == []
        assert await machine.left_over(OLD_FILE) == []
        await machine.steering.close()

    on_kernel(work)
