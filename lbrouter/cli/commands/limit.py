"""`lbrouter limit`: a ceiling for a while, which the daemon holds."""

from typing import Annotated, Final

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.name_completion import names_of
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import YesOption, parse_time_option
from lbrouter.model.errors import UsageError
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.sections.line_rate import parse_line_rate
from lbrouter.model.units import Rate

LIMIT_OFF: Final = "off"


def limit(
    context: typer.Context,
    vlan: Annotated[
        str,
        typer.Argument(
            metavar="VLAN", help="A VLAN of the file.", autocompletion=names_of("vlans")
        ),
    ],
    rate: Annotated[str, typer.Argument(metavar="RATE", help='A rate such as "5mbit", or off.')],
    *,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help='End the limit after TIME ("10m").')
    ] = "",
    upload: Annotated[bool, typer.Option("--upload", help="Upload alone.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Download alone.")] = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """Limit a VLAN to a rate for some time (the daemon must run)."""
    chosen = [word for word, on in (("upload", upload), ("download", download)) if on]
    within = parse_time_option(time, option="--for")
    if rate == LIMIT_OFF and within is not None:
        raise UsageError("`off` ends the limit at once; it cannot be used with --for.")
    asked = {
        "verb": "limit",
        "vlan": vlan,
        "rate": 0 if rate == LIMIT_OFF else int(_parse_limit_rate(rate)),
        "for_ms": 0 if within is None else int(within),
        "directions": chosen or ["upload", "download"],
        "yes": yes,
    }
    settings = settings_of(context, json=json)
    return send_operator_command(settings, asked, command="lbrouter limit")


def _parse_limit_rate(text: str) -> Rate:
    try:
        return parse_line_rate(text)
    except ValueError as error:
        raise UsageError(
            phrase('The rate "{text}" {error}.', text=text, error=as_phrase(str(error))),
            remedy='Say A rate such as "5mbit", or off.',
        ) from error
