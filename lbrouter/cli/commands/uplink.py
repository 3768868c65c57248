"""`lbrouter uplink drain`, `pin` and `restore`: an operator's word, which the daemon keeps."""

from typing import Annotated

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.name_completion import names_of
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import YesOption
from lbrouter.daemon.control_socket.protocol import Document

uplink = typer.Typer(
    name="uplink",
    help="Drain, pin and restore uplinks (the daemon must run).",
    add_completion=False,
)

UplinkArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="An uplink of the file.", autocompletion=names_of("uplinks")
    ),
]
PolicyArgument = Annotated[
    str,
    typer.Argument(
        metavar="POLICY", help="A policy of the file.", autocompletion=names_of("policies")
    ),
]


@uplink.command()
def drain(
    context: typer.Context,
    name: UplinkArgument,
    *,
    now: Annotated[bool, typer.Option("--now", help="Move established flows as well.")] = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """No new flows by an uplink; those that go by it stay, or move with --now."""
    return _send(context, "drain", {"uplink": name, "now": now, "yes": yes}, json=json)


@uplink.command()
def pin(
    context: typer.Context,
    policy: PolicyArgument,
    name: UplinkArgument,
    *,
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """Prefer an uplink for all new flows of a policy, while it is fit."""
    return _send(context, "pin", {"policy": policy, "uplink": name, "yes": yes}, json=json)


@uplink.command()
def restore(context: typer.Context, name: UplinkArgument, *, json: JsonOption = False) -> int:
    """Back to automatic: not drained, and no policy pinned to it."""
    return _send(context, "restore", {"uplink": name}, json=json)


def _send(context: typer.Context, verb: str, fields: Document, *, json: bool) -> int:
    settings, command = settings_of(context, json=json), f"lbrouter uplink {verb}"
    return send_operator_command(settings, {"verb": verb, **fields}, command=command)
