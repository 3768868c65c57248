"""`lbrouter confirm`: what was applied on trial stays."""

import asyncio

import typer

from lbrouter.cli.output.render import print_success
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.without_daemon import open_commit_confirm
from lbrouter.daemon.control_socket import client
from lbrouter.model.messages.phrase import phrase


def confirm(context: typer.Context, *, json: JsonOption = False) -> int:
    """Keep the change that waits for confirmation."""
    return asyncio.run(_confirm(settings_of(context, json=json)))


async def _confirm(settings: CommandSettings) -> int:
    """NotAppliedError (75) when nothing waits, or when it was undone already."""
    handed = await client.ask(settings.runtime_dir, {"verb": "confirm"})
    if handed is None:
        async with open_commit_confirm(settings) as here:
            handed = {"kept": here.confirm().source}
    return print_success(settings, phrase("confirmed: {kept}", kept=handed["kept"]), handed)
