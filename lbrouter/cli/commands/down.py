"""`lbrouter down`: all that is ours out of the kernel, by the verb itself."""

import asyncio

import typer

from lbrouter.cli.beside_daemon import refuse_beside_daemon
from lbrouter.cli.context import build_applier, config_or_none
from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.plan_text import operation_printer
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.messages.phrase import phrase


def down(context: typer.Context, *, json: JsonOption = False) -> int:
    """Remove everything that lbrouter set up in the kernel, and nothing else."""
    return asyncio.run(_remove_all(settings_of(context, json=json)))


async def _remove_all(settings: CommandSettings) -> int:
    """What waited for confirmation waits no more."""
    refuse_beside_daemon(settings, "down")
    report = ChangeReport(phrase("removed"), settings)
    with exclusive_lock(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            here = CommitConfirm(build_applier(settings, kernel, tell=operation_printer(report)))
            await here.applier.remove_all(config_or_none(settings))
            here.pending.clear()
    return report.finish()
