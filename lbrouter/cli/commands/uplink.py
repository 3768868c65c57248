"""`lbrouter uplink drain`, `pin` and `restore`: an operator's word, which the daemon keeps."""

import asyncio
from typing import Annotated

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.settings import JsonOption, settings_of

uplink = typer.Typer(
    name="uplink",
    help="Drain, pin and restore uplinks (the daemon must run).",
    add_completion=False,
)

UplinkArgument = Annotated[str, typer.Argument(metavar="NAME", help="An uplink of the file.")]
PolicyArgument = Annotated[str, typer.Argument(metavar="POLICY", help="A policy of the file.")]


@uplink.command()
def drain(context: typer.Context, name: UplinkArgument, *, json: JsonOption = False) -> int:
    """No new flows by an uplink; those that go by it stay."""
    return _send(context, "drain", json=json, uplink=name)


@uplink.command()
def pin(
    context: typer.Context,
    policy: PolicyArgument,
    name: UplinkArgument,
    *,
    json: JsonOption = False,
) -> int:
    """Force a policy onto an uplink."""
    return _send(context, "pin", json=json, policy=policy, uplink=name)


@uplink.command()
def restore(context: typer.Context, name: UplinkArgument, *, json: JsonOption = False) -> int:
    """Back to automatic: not drained, and no policy pinned to it."""
    return _send(context, "restore", json=json, uplink=name)


def _send(context: typer.Context, verb: str, *, json: bool, **names: str) -> int:
    settings, command = settings_of(context, json=json), f"lbrouter uplink {verb}"
    return asyncio.run(send_operator_command(settings, {"verb": verb, **names}, command=command))
