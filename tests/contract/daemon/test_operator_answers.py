"""What an operator asks for is answered while a change of the whole file holds the write lock."""

import asyncio
import time
from pathlib import Path

import pytest

from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.control.override_commands import STILL_RUNNING, OverrideCommands
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.reconcile.reconciler import build_reconciler
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import nft
from tests.contract.transaction.whole_config import on_kernel
from tests.kit.builders import TWO_LINES, health_of

pytestmark = pytest.mark.needs("htb", "nft_nat")

FILE = parse_config(TWO_LINES.encode(), source="file")
ANSWER_WITHIN_S = 1.0


def lines_of_show() -> set[str]:
    """What the kernel does with new flows of the policy."""
    table = nft.observe_table()
    assert table is not None
    return {value for _, value in table.elements["active_show"]}


@pytest.mark.parametrize(
    "request_fields",
    [
        {"verb": "drain", "uplink": "fiber", "yes": True},
        {"verb": "pin", "policy": "show", "uplink": "lte", "yes": True},
        {"verb": "limit", "vlan": "guests", "rate": 2_000_000, "yes": True},
    ],
)
def test_an_operator_has_an_answer_within_a_second_beside_a_change(
    tmp_path: Path, request_fields: dict[str, object]
) -> None:
    async def work(kernel: LinuxKernel) -> None:
        overrides, journal = OperatorOverrides(), Journal(tmp_path)
        reconciler = build_reconciler(
            kernel,
            state_dir=tmp_path / "state",
            runtime_dir=tmp_path,
            limits=overrides.limits.in_force,
            blocked=overrides.blocks.in_force,
            report_damage=pytest.fail,
        )
        applier = reconciler.applier
        tracker = HealthTracker(FILE.config, journal, known=health_of(FILE.config))
        loop = ReconcileLoop(reconciler, journal, FILE, tracker, overrides)
        loop.activate(FILE, tracker)
        snapshot = await applier.observe(FILE.config, health_source=tracker.evaluate_facts)
        await CommitConfirm(applier).apply_to_kernel(snapshot.planned(FILE))
        await loop.reconcile()
        tasks = [asyncio.create_task(each) for each in (loop.run(), loop.run_reconciles())]
        before = lines_of_show()
        commands = OverrideCommands(loop)
        async with loop.write_lock:
            begun = time.monotonic()
            said = await commands.verbs[str(request_fields["verb"])](dict(request_fields))
            took_s = time.monotonic() - begun
            moved = lines_of_show() != before
        assert took_s < ANSWER_WITHIN_S
        assert moved is (request_fields["verb"] != "limit"), "new flows follow at once"
        assert said["said"].endswith(str(STILL_RUNNING)), "the reconcile waits for the change"
        await asyncio.wait_for(loop.wait_reconciled(), 30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await loop.reconciler.steering.close()
        journal.close()

    on_kernel(work)
