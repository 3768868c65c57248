"""What only the daemon can keep: an operator's word on an uplink or a VLAN."""

import sys

import typer

from lbrouter.cli.output.render import print_success
from lbrouter.cli.screen_language import on_screen, screen_language
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.errors import ConfirmationNeededError, UnavailableError
from lbrouter.model.messages.phrase import phrase


def send_operator_command(settings: CommandSettings, asked: Document, *, command: str) -> int:
    """Hand it to the daemon and print the answer; on a terminal, ask what the daemon asks.

    Raises UnavailableError where none runs, ConfirmationNeededError without a terminal to ask on.
    """
    try:
        handed = blocking_client.ask(settings.runtime_dir, asked)
    except ConfirmationNeededError as error:
        if settings.json or not _is_confirmed(error):
            raise
        handed = blocking_client.ask(settings.runtime_dir, {**asked, "yes": True})
    if handed is None:
        raise UnavailableError(
            phrase("`{command}` needs the daemon, which does not run.", command=command),
            remedy="Start it: systemctl start lbrouter, or `lbrouter run`.",
        )
    found = {"said": handed["said"], "said_data": handed.get("message")}
    return print_success(settings, translate_reason(screen_language(), found, "said"), handed)


def _is_confirmed(error: ConfirmationNeededError) -> bool:
    """Whether a person at a terminal says yes. Without a terminal: no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    typer.echo(on_screen(error.message), err=True)
    return typer.confirm(on_screen(error.question), err=True)
