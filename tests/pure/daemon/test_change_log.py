"""What the timeline says: moves that move something, and a kernel that is not verified."""

import asyncio
from pathlib import Path

from lbrouter.compile.shaping.build import ShapingPlan
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.reconcile.policy_changes import policy_changes
from lbrouter.daemon.reconcile.verification import Verification
from lbrouter.model.facts import Allocation
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from tests.kit.builders import TWO_LINES, facts_of, health_of

FILE = parse_config(TWO_LINES.encode(), source="file")
OTHER_WEIGHTS = parse_config(
    TWO_LINES.replace("fiber = 70, lte = 30", "fiber = 7, lte = 3").encode(), source="other"
)


def applied_of(file: ConfigFile, health: GatewayHealth) -> AppliedState:
    snapshot = MachineSnapshot(
        scope=observation_scope(file.config, KernelState()),
        facts=facts_of(file.config),
        observed=KernelState(),
        baseline=KernelState(),
        allocation=allocate(file.config, Allocation()),
        health=health,
    )
    return AppliedState(file=file, snapshot=snapshot, state=KernelState(), shaping=ShapingPlan())


def test_a_move_that_moves_nothing_is_not_told() -> None:
    up, down = health_of(FILE.config), health_of(FILE.config, fiber=UplinkState.DOWN)
    before = applied_of(FILE, up)
    assert list(policy_changes(before, applied_of(OTHER_WEIGHTS, up))) == []
    moved = [each.policy for each in policy_changes(before, applied_of(FILE, down))]
    assert "show" in moved


def test_one_change_is_one() -> None:
    assert [str(message(EventCode.ADJUSTED, changes=count)) for count in (0, 1, 2)] == [
        "0 changes",
        "1 change",
        "2 changes",
    ]


def test_the_kernel_is_said_to_be_wrong_once_and_right_once(tmp_path: Path) -> None:
    async def work() -> list[object]:
        journal = Journal(tmp_path)
        try:
            verification = Verification(journal)
            verification.succeed()
            assert verification.status["verified"]
            verification.fail("a route was refused")
            since = verification.status["since"]
            verification.fail("a rule was refused")
            assert verification.status == {
                "verified": False,
                "since": since,
                "reason": "a rule was refused",
            }
            verification.succeed()
            verification.succeed()
            assert verification.status["reason"] is None
            return [each.more["verified"] for each in journal.recent(10)]
        finally:
            journal.close()

    assert asyncio.run(work()) == [False, True]
