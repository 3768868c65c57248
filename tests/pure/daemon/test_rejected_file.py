"""A file that was rolled back is not taken by a start, whatever is applied meanwhile by one."""

import asyncio
from pathlib import Path

from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state, observation_scope
from lbrouter.compile.state.simulate import SimKernel
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.machine_snapshot import MachineSnapshot
from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import KernelState
from tests.kit.builders import TWO_LINES, facts_of, health_of

GOOD = parse_config(TWO_LINES.encode(), source="good")
REJECTED = parse_config(f"# another\n{TWO_LINES}".encode(), source="rejected")


def commits_of(folder: Path) -> CommitConfirm:
    kernel = SimKernel(KernelState(), facts_of(GOOD.config))
    applier = Applier(kernel, state_dir=folder, runtime_dir=folder)  # type: ignore[arg-type]
    return CommitConfirm(applier)


def as_it_stands(file: ConfigFile) -> MachineSnapshot:
    """The kernel holds what the file asks for."""
    config = file.config
    facts, health = facts_of(config), health_of(config)
    allocation = allocate(config, Allocation())
    state = desired_state(
        config, allocation=allocation, health=health, facts=facts, baseline=KernelState()
    )
    return MachineSnapshot(
        scope=observation_scope(config, KernelState()),
        facts=facts,
        observed=state,
        baseline=KernelState(),
        allocation=allocation,
        health=health,
    )


def test_the_last_good_file_applied_again_forgives_nothing(tmp_path: Path) -> None:
    commits = commits_of(tmp_path)
    commits.store.save_config(GOOD.text)
    commits.pending.reject(REJECTED.digest)
    asyncio.run(commits.apply_to_kernel(as_it_stands(GOOD).planned(GOOD)))
    assert commits.pending.rejected_digest() == REJECTED.digest
    asyncio.run(commits.apply_to_kernel(as_it_stands(REJECTED).planned(REJECTED)))
    assert commits.pending.rejected_digest() == "", "an operator applied it once more"
    assert commits.store.load_config() == REJECTED.text
