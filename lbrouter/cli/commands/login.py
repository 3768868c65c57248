"""`lbrouter login NAME`: take one client through one line alone, to log in at its portal."""

import asyncio
from typing import Annotated

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.operator_session import operator_session
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import parse_time_option
from lbrouter.model.errors import UsageError


def login(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An uplink of the file.")],
    *,
    client: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The client, in a VLAN with manage. Default: the one that your SSH comes from.",
        ),
    ] = "",
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help='How long ("10m", which is the default).')
    ] = "",
    json: JsonOption = False,
) -> int:
    """Take one client through one line alone, to log in at its portal."""
    session = operator_session()
    if not client and session is None:
        raise UsageError(
            "login needs to know which client is meant.",
            remedy=f"lbrouter login {name} --client 10.10.99.20",
        )
    span = parse_time_option(time, option="--for")
    asked = {
        "verb": "login",
        "uplink": name,
        "client": client or str(session.client if session is not None else ""),
        "for_ms": 0 if span is None else int(span),
    }
    settings = settings_of(context, json=json)
    return asyncio.run(send_operator_command(settings, asked, command=f"lbrouter login {name}"))
