"""What a command asks the daemon: to keep an operator's word, the status, the time zone.

Nothing is loaded for that but a socket.
"""

import sys
from contextlib import suppress
from datetime import tzinfo
from typing import Final, cast

import typer

from lbrouter.cli.output.render import print_success
from lbrouter.cli.screen_language import on_screen, screen_language
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.clock import zone_of_key
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.compile.report.status_types import Status
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.errors import (
    ConfirmationNeededError,
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.messages.phrase import phrase

STATUS_REPLY_TIMEOUT_S: Final = 5.0
"""A daemon that does not answer in this time is passed over: a person wants to know now."""

ZONE_REPLY_TIMEOUT_S: Final = 1.0


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


def status_from_daemon(settings: CommandSettings) -> Status | None:
    """The daemon's document; None without a daemon, or where it is silent or may not be asked."""
    with suppress(NotAppliedError, NotPermittedError):
        answer = blocking_client.ask(
            settings.runtime_dir, {"verb": "status"}, timeout_s=STATUS_REPLY_TIMEOUT_S
        )
        return cast("Status | None", answer)
    return None


def display_zone(settings: CommandSettings) -> tzinfo | None:
    """In which zone a command prints times: `[gateway] timezone`, None for the machine's.

    The daemon tells it; without one, the file. It is the machine's where that cannot be read.
    """
    with suppress(LbrouterError):
        answer = blocking_client.ask(
            settings.runtime_dir, {"verb": "ping"}, timeout_s=ZONE_REPLY_TIMEOUT_S
        )
        if answer is not None:
            return zone_of_key(answer.get("timezone"))
    from lbrouter.cli.context import config_or_none  # noqa: PLC0415  -- 400 ms, without a daemon

    config = config_or_none(settings)
    return None if config is None else config.gateway.timezone
