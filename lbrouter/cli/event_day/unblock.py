"""`lbrouter unblock`: a client that was shut out is let in again."""

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import ClientArgument


def unblock(context: typer.Context, client: ClientArgument, *, json: JsonOption = False) -> int:
    """Let a client in again that was blocked (the daemon must run)."""
    asked = {"verb": "unblock", "client": client}
    settings = settings_of(context, json=json)
    return send_operator_command(settings, asked, command="lbrouter unblock")
