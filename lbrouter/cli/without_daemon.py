"""How a verb looks at the kernel and changes it itself, where no daemon does it.

The verbs import this module when they find no daemon: it loads all that the daemon has loaded.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lbrouter.cli.context import build_applier, print_shaping_warnings, print_warnings
from lbrouter.cli.gateway_status import status_from_kernel
from lbrouter.cli.operator_session import own_operator
from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.plan_text import operation_printer
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.confirm.apply_request import require_applicable
from lbrouter.daemon.confirm.commit_confirm import ApplyOrder, CommitConfirm
from lbrouter.daemon.events.history import HISTORY_DB_FILE, recent_events
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.errors import UnavailableError
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.timeline import TimelineEvent
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
                await here.rollback(why="as asked")
        return True

    return asyncio.run(roll_back())


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToApply:
    """A file, what messages call it, and the $SSH_CONNECTION that it must not cut ("" for none)."""

    text: bytes
    source: str
    session: str
    undoes: str


def apply_here(
    settings: CommandSettings,
    wanted: FileToApply,
    report: ChangeReport,
    within: Duration | None,
    *,
    take_over: bool,
) -> float | None:
    """Apply a file; how many seconds are left to confirm it, None where none must."""
    file = parse_config(wanted.text, source=wanted.source)
    roots = ForeignQdiscPolicy.REPLACE if take_over else ForeignQdiscPolicy.REFUSE

    async def apply() -> float | None:
        async with LinuxKernel() as kernel:  # refused before the lock is asked for
            await require_applicable(build_applier(settings, kernel), file, wanted.session)
        order = ApplyOrder(by=own_operator(), undoes=wanted.undoes)
        async with open_commit_confirm(settings) as here:
            snapshot = await here.applier.observe(file.config)
            print_warnings(file, snapshot, here.store)
            planned = snapshot.with_foreign_qdisc_policy(file.config, roots).planned(file)
            print_shaping_warnings(planned.shaping)
            with here.applier.reporting_to(operation_printer(report)):
                await here.apply(planned, within=within, order=order)
            return here.pending.remaining_s()

    return asyncio.run(apply())


def past_events(
    state_dir: Path, *, limit: int, since: str, incident: str | None
) -> list[TimelineEvent]:
    """As `recent_events`, as documents. Raises UnavailableError where it cannot be read."""
    try:
        entries = recent_events(state_dir, limit=limit, since=since, incident=incident)
    except sqlite3.Error as error:
        raise UnavailableError(
            phrase(
                "The history {file} cannot be read: {error}.",
                file=state_dir / HISTORY_DB_FILE,
                error=str(error),
            ),
            remedy="Run it as root. The next start of the daemon replaces a damaged file.",
        ) from error
    return [entry.as_json() for entry in entries]


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
