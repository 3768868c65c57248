"""What the changing verbs do: through the daemon where one runs, else here, under the lock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from lbrouter.cli import context
from lbrouter.cli.output.render import ChangeReport, print_diagnostics, print_json, print_line
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import require_tools
from lbrouter.daemon.confirm.commit_confirm import NOTHING_PENDING, CommitConfirm
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.errors import ExitCode, UnavailableError, UsageError
from lbrouter.model.units import Duration
from lbrouter.services import secrets

MIN_OPTION_TIME: Final = Duration(1_000)
MAX_OPTION_TIME: Final = Duration(24 * 3_600_000)


def parse_time_option(text: str, *, option: str = "--confirm-within") -> Duration | None:
    """The argument of an option that takes a time; None for "". Raises UsageError."""
    if not text:
        return None
    try:
        found = Duration.parse(text)
    except ValueError as error:
        raise UsageError(f'{option} "{text}" {error}.') from error
    if not MIN_OPTION_TIME <= found <= MAX_OPTION_TIME:
        raise UsageError(
            f'{option} "{text}" is not between {MIN_OPTION_TIME} and {MAX_OPTION_TIME}.'
        )
    return found


@asynccontextmanager
async def open_commit_confirm(settings: CommandSettings) -> AsyncIterator[CommitConfirm]:
    """The lock, the kernel, and what nobody confirmed in time undone first."""
    with exclusive_lock(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            found = CommitConfirm(context.build_applier(settings, kernel))
            overdue = await found.roll_back_overdue()
            if overdue is not None:
                said = f"{overdue.source} was not confirmed in time: what stood before is back"
                print_diagnostics("warning", (said,))
            yield found


async def apply(settings: CommandSettings, within: Duration | None, *, take_over: bool) -> int:
    """Make the kernel hold what the file says."""
    report, file = ChangeReport("applied", settings), context.load_config_file(settings)
    require_tools(file.config)
    secrets.require(file.config)
    asked: Document = {"verb": "apply", "config": file.text.decode(), "source": file.source}
    if within is not None:
        asked["confirm_within_ms"] = int(within)
    if take_over:
        asked["take_over"] = True
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is not None:
        print_diagnostics("warning", handed["warnings"])
        report.print_changes(handed["changes"])
        return report.finish(confirm_s=handed["pending_confirm_s"])
    async with open_commit_confirm(settings) as here:
        here.applier.reporter = report.operation_printer
        found = await here.applier.observe(file.config)
        context.print_warnings(file, found, here.store)
        found = found.with_foreign_qdisc_policy(
            file.config, ForeignQdiscPolicy.REPLACE if take_over else ForeignQdiscPolicy.REFUSE
        )
        await here.apply(file, found, within=within)
        left = here.pending.remaining_s()
    print_diagnostics("note", (context.NO_DAEMON_NOTE,))
    return report.finish(confirm_s=left)


async def confirm(settings: CommandSettings) -> int:
    """Keep what waits; NotAppliedError (75) when nothing does, or when it was undone already."""
    handed = await client.ask(settings.runtime_dir, {"verb": "confirm"})
    if handed is None:
        async with open_commit_confirm(settings) as here:
            handed = {"kept": here.confirm().source}
    return _print_result(settings, handed, f"confirmed: {handed['kept']}")


async def rollback(settings: CommandSettings) -> int:
    """Undo what waits; nothing to do when nothing does."""
    report = ChangeReport("rolled back", settings)
    handed = await client.ask(settings.runtime_dir, {"verb": "rollback"})
    if handed is not None:
        report.print_changes(handed["changes"])
        if not handed["undone"]:
            print_diagnostics("note", (NOTHING_PENDING,))
        return report.finish()
    async with open_commit_confirm(settings) as here:
        if here.pending.read() is None:
            print_diagnostics("note", (NOTHING_PENDING,))
        else:
            here.applier.reporter = report.operation_printer
            await here.rollback()
    return report.finish()


async def down(settings: CommandSettings) -> int:
    """Take out all that is ours. What waited for confirmation waits no more."""
    report = ChangeReport("removed", settings)
    with exclusive_lock(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            here = CommitConfirm(
                context.build_applier(settings, kernel, tell=report.operation_printer)
            )
            await here.applier.remove_all(context.config_or_none(settings))
            here.pending.clear()
            print_diagnostics("warning", here.store.warnings)
    return report.finish()


async def send_operator_command(
    settings: CommandSettings, asked: Document, *, named: str = ""
) -> int:
    """An operator's word on an uplink or a VLAN, which only the daemon can keep."""
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is None:
        raise UnavailableError(
            f"`{named or 'lbrouter uplink ' + asked['verb']}` needs the daemon, and none runs.",
            remedy="systemctl start lbrouter, or `lbrouter run`.",
        )
    return _print_result(settings, handed, handed["said"])


def _print_result(settings: CommandSettings, result: Any, sentence: str) -> int:
    if settings.json:
        print_json({"ok": True, **result})
    else:
        print_line(sentence)
    return ExitCode.DONE
