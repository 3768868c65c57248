"""The verbs that change something: apply, confirm, rollback, run, down, limit, uplink."""
# ruff: noqa: PLC0415  -- pyroute2 alone takes 150 ms: a verb imports what it needs, `--help` nothing

import asyncio
from typing import Annotated

import typer

from lbrouter.cli.settings import JsonOption, settings_of

uplink_app = typer.Typer(help="Drain, pin and restore uplinks (the daemon must run).")

UplinkArgument = Annotated[str, typer.Argument(metavar="NAME", help="An uplink of the file.")]
PolicyArgument = Annotated[str, typer.Argument(metavar="POLICY", help="A policy of the file.")]


def apply(
    context: typer.Context,
    *,
    confirm_within: Annotated[
        str,
        typer.Option(metavar="TIME", help='Undo unless confirmed within TIME ("60s").'),
    ] = "",
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Replace somebody else's queueing disciplines; they cannot be given back.",
        ),
    ] = False,
    json: JsonOption = False,
) -> int:
    """Make the kernel hold what the file says; by the daemon where one runs."""
    from lbrouter.cli.commands import apply

    within = apply.parse_time_option(confirm_within)
    settings = settings_of(context, json=json)
    return asyncio.run(apply.apply(settings, within, take_over=take_over))


def init(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: the defaults.")] = False,
    json: JsonOption = False,
) -> int:
    """Look at the machine's ports and write a first configuration; never over an old one."""
    from lbrouter.cli.commands.init import init as run

    return run(settings_of(context, json=json), ask=not yes)


def confirm(context: typer.Context, *, json: JsonOption = False) -> int:
    """Keep what waits for confirmation."""
    from lbrouter.cli.commands import apply

    return asyncio.run(apply.confirm(settings_of(context, json=json)))


def rollback(context: typer.Context, *, json: JsonOption = False) -> int:
    """Undo at once what waits for confirmation."""
    from lbrouter.cli.commands import apply

    return asyncio.run(apply.rollback(settings_of(context, json=json)))


def down(context: typer.Context, *, json: JsonOption = False) -> int:
    """Remove all that lbrouter put into the kernel, and nothing else."""
    from lbrouter.cli.commands import apply

    return asyncio.run(apply.down(settings_of(context, json=json)))


def run(context: typer.Context) -> int:
    """The daemon, in the foreground: applies, watches, fails over."""
    from lbrouter.cli.commands.run import run as serve

    return serve(settings_of(context, json=False))


def guard(context: typer.Context, *, json: JsonOption = False) -> int:
    """Close the firewall until the gateway is applied; for the boot, before the network."""
    from lbrouter.cli.commands.guard import guard as run

    return run(settings_of(context, json=json))


def limit(
    context: typer.Context,
    vlan: Annotated[str, typer.Argument(metavar="VLAN", help="A VLAN of the file.")],
    rate: Annotated[str, typer.Argument(metavar="RATE", help='"5mbit", say, or off.')],
    *,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help='End by itself after TIME ("10m").')
    ] = "",
    upload: Annotated[bool, typer.Option("--upload", help="Upload alone.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Download alone.")] = False,
    json: JsonOption = False,
) -> int:
    """Hold a VLAN below a rate for a while (the daemon must run)."""
    from lbrouter.cli.commands import limit

    chosen = [word for word, on in (("upload", upload), ("download", download)) if on]
    directions = chosen or ["upload", "download"]
    asked = limit.limit_request(vlan, rate, time=time, directions=directions)
    return asyncio.run(limit.limit(settings_of(context, json=json), asked))


@uplink_app.command()
def drain(context: typer.Context, name: UplinkArgument, *, json: JsonOption = False) -> int:
    """No new flows by an uplink; those that go by it stay."""
    from lbrouter.cli.commands import apply

    wish = {"verb": "drain", "uplink": name}
    return asyncio.run(apply.send_operator_command(settings_of(context, json=json), wish))


@uplink_app.command()
def pin(
    context: typer.Context,
    policy: PolicyArgument,
    name: UplinkArgument,
    *,
    json: JsonOption = False,
) -> int:
    """Force a policy onto an uplink."""
    from lbrouter.cli.commands import apply

    wish = {"verb": "pin", "policy": policy, "uplink": name}
    return asyncio.run(apply.send_operator_command(settings_of(context, json=json), wish))


@uplink_app.command()
def restore(context: typer.Context, name: UplinkArgument, *, json: JsonOption = False) -> int:
    """Back to automatic: not drained, and no policy pinned to it."""
    from lbrouter.cli.commands import apply

    wish = {"verb": "restore", "uplink": name}
    return asyncio.run(apply.send_operator_command(settings_of(context, json=json), wish))
