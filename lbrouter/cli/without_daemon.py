"""How a verb changes the kernel itself, where no daemon does it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lbrouter.cli.context import build_applier
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.messages.phrase import phrase


@asynccontextmanager
async def open_commit_confirm(settings: CommandSettings) -> AsyncIterator[CommitConfirm]:
    """The lock, the kernel, and what was not confirmed in time undone first."""
    with exclusive_lock(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            here = CommitConfirm(build_applier(settings, kernel))
            overdue = await here.roll_back_overdue()
            if overdue is not None:
                said = phrase(
                    "{source} was not confirmed in time: it is undone", source=overdue.source
                )
                print_diagnostics("warning", (said,))
            yield here
