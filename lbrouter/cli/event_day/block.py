"""`lbrouter block`: a client is shut out, for a while or until `unblock`; the daemon does it."""

from typing import Annotated

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import ClientArgument, YesOption, parse_time_option


def block(
    context: typer.Context,
    client: ClientArgument,
    *,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help='End the block after TIME ("10m").')
    ] = "",
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """Shut a client out: what it has open ends too (the daemon must run)."""
    within = parse_time_option(time, option="--for")
    asked = {
        "verb": "block",
        "client": client,
        "for_ms": 0 if within is None else int(within),
        "yes": yes,
    }
    settings = settings_of(context, json=json)
    return send_operator_command(settings, asked, command="lbrouter block")
