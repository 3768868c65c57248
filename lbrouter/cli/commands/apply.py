"""`lbrouter apply`: through the daemon where one runs, else here, under the lock."""

from typing import Annotated

import typer

from lbrouter.cli.apply_file import apply_file
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import parse_time_option
from lbrouter.daemon.config_bytes import read_config


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
    settings = settings_of(context, json=json)
    text = read_config(settings.config)
    return apply_file(settings, text, str(settings.config), within, take_over=take_over)
