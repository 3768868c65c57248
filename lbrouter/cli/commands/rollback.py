"""`lbrouter rollback`: back to what stood before, without waiting for the time to run out."""

import asyncio

import typer

from lbrouter.cli.output.render import ChangeReport, print_diagnostics
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.without_daemon import open_commit_confirm
from lbrouter.daemon.confirm.commit_confirm import NOTHING_PENDING
from lbrouter.daemon.control_socket import client
from lbrouter.model.messages.phrase import phrase


def rollback(context: typer.Context, *, json: JsonOption = False) -> int:
    """Undo at once the change that waits for confirmation."""
    return asyncio.run(_roll_back(settings_of(context, json=json)))


async def _roll_back(settings: CommandSettings) -> int:
    """Nothing to do when nothing waits."""
    report = ChangeReport(phrase("rolled back"), settings)
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
            with here.applier.reporting_to(report.operation_printer):
                await here.rollback(why="as asked")
    return report.finish()
