"""The record of a pending commit goes only when the kernel holds what it held before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel import Kernel
from lbrouter.model.plan import Operation
from lbrouter.model.units import Duration
from tests.contract.transaction.failing_kernels import FailingKernel
from tests.contract.transaction.whole_config import on_kernel
from tests.kit.builders import TWO_LINES

pytestmark = pytest.mark.needs("htb", "nft_nat")

FILE = parse_config(TWO_LINES.encode(), source="new")


class StandingKernel(FailingKernel):
    """It refuses the step, and all that follows: what was begun cannot be undone."""

    async def execute(self, operation: Operation) -> None:
        if self.remaining <= 0:
            await self.fail(operation)
        await super().execute(operation)


@pytest.mark.parametrize("kind, remains", [(FailingKernel, False), (StandingKernel, True)])
def test_the_record_remains_where_the_undo_was_refused_too(
    tmp_path: Path, kind: type[FailingKernel], *, remains: bool
) -> None:
    @contextmanager
    def view(kernel: Kernel, _planned: AppliedState | None) -> Iterator[Kernel]:
        yield kind(kernel, 10)

    async def work(kernel: LinuxKernel) -> None:
        applier = Applier(kernel, state_dir=tmp_path / "state", runtime_dir=tmp_path)
        applier.change_view = view
        confirm = CommitConfirm(applier)
        snapshot = await applier.observe(FILE.config)
        with pytest.raises(NotAppliedError):
            await confirm.apply(snapshot.planned(FILE), within=Duration(60_000))
        assert (confirm.pending.read() is not None) is remains
        confirm.pending.clear()

    on_kernel(work)
