"""How a verb looks at the kernel and changes it itself, where no daemon does it.

The verbs import this module when they find no daemon: it loads all that the daemon has loaded.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lbrouter.cli.context import build_applier, print_shaping_warnings, print_warnings
from lbrouter.cli.gateway_status import status_from_kernel
from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.plan_text import operation_printer
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.confirm.apply_request import require_applicable
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration


def read_status(settings: CommandSettings) -> Status:
    """The status document, off the kernel."""
    return asyncio.run(status_from_kernel(settings))


def confirm_here(settings: CommandSettings) -> str:
    """Keep the pending commit; what its file is called. Raises NotAppliedError for none."""

    async def confirm() -> str:
        async with open_commit_confirm(settings) as here:
            return here.confirm().source

    return asyncio.run(confirm())


def roll_back_here(settings: CommandSettings, report: ChangeReport) -> bool:
    """Undo the pending commit; False where there is none."""

    async def roll_back() -> bool:
        async with open_commit_confirm(settings) as here:
            if here.pending.read() is None:
                return False
            with here.applier.reporting_to(operation_printer(report)):
                await here.rollback()
        return True

    return asyncio.run(roll_back())


def apply_here(
    settings: CommandSettings,
    text: bytes,
    report: ChangeReport,
    within: Duration | None,
    *,
    session: str,
    take_over: bool,
) -> float | None:
    """Apply the file `text`; how many seconds are left to confirm it, None where none must.

    `session` is the $SSH_CONNECTION that must not be cut, "" for none.
    """
    file = parse_config(text, source=str(settings.config))
    return asyncio.run(_apply(settings, file, report, within, session, take_over=take_over))


async def _apply(
    settings: CommandSettings,
    file: ConfigFile,
    report: ChangeReport,
    within: Duration | None,
    session: str,
    *,
    take_over: bool,
) -> float | None:
    async with LinuxKernel() as kernel:  # refused before the lock is asked for
        await require_applicable(build_applier(settings, kernel), file.config, session)
    async with open_commit_confirm(settings) as here:
        snapshot = await here.applier.observe(file.config)
        print_warnings(file, snapshot, here.store)
        snapshot = snapshot.with_foreign_qdisc_policy(
            file.config, ForeignQdiscPolicy.REPLACE if take_over else ForeignQdiscPolicy.REFUSE
        )
        planned = snapshot.planned(file)
        print_shaping_warnings(planned.shaping)
        with here.applier.reporting_to(operation_printer(report)):
            await here.apply(planned, within=within)
        return here.pending.remaining_s()


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
