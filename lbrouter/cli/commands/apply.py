"""`lbrouter apply`: through the daemon where one runs, else here, under the lock."""

from contextlib import suppress
from typing import Annotated

import typer

from lbrouter.cli.operator_session import ssh_connection
from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.daemon_note import NO_DAEMON_NOTE
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.shared_options import parse_time_option
from lbrouter.daemon.config_bytes import read_config
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.messages.message import parse_phrase
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration


def apply(
    context: typer.Context,
    *,
    confirm_within: Annotated[
        str,
        typer.Option(
            metavar="TIME", help='Undo the change unless you confirm it within TIME ("60s").'
        ),
    ] = "",
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Replace queueing disciplines of other programs; lbrouter cannot restore them.",
        ),
    ] = False,
    json: JsonOption = False,
) -> int:
    """Set up the kernel as the file says; through the daemon if it runs."""
    within = parse_time_option(confirm_within, option="--confirm-within")
    return _apply(settings_of(context, json=json), within, take_over=take_over)


def _apply(settings: CommandSettings, within: Duration | None, *, take_over: bool) -> int:
    report, text = ChangeReport(phrase("applied"), settings), read_config(settings.config)
    session = "" if within is not None else ssh_connection()
    handed = None
    with suppress(UnicodeDecodeError):  # what is no text goes to no daemon: parsed here, it is told
        asked: Document = {
            "verb": "apply",
            "config": text.decode(),
            "source": str(settings.config),
            "session": session,
            "take_over": take_over,
        }
        if within is not None:
            asked["confirm_within_ms"] = int(within)
        handed = blocking_client.ask(settings.runtime_dir, asked)
    if handed is not None:
        texts = handed.get("warnings_data", handed["warnings"])
        print_diagnostics("warning", map(parse_phrase, texts))
        report.print_changes(handed["changes"])
        return report.finish(confirm_s=handed["pending_confirm_s"])
    from lbrouter.cli.without_daemon import apply_here  # noqa: PLC0415  -- 400 ms to load

    left = apply_here(settings, text, report, within, session=session, take_over=take_over)
    print_diagnostics("note", (NO_DAEMON_NOTE,))
    return report.finish(confirm_s=left)
