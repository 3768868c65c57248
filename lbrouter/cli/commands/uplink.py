"""`lbrouter uplink drain`, `pin` and `restore`: an operator's word, which the daemon keeps.

And `uplink add --usb`: a line for an emergency, from the port to the applied file. And `lbrouter
login NAME`: one client through one line alone, to log in at its portal.
"""

from typing import Annotated

import typer

from lbrouter.cli.daemon_request import send_operator_command
from lbrouter.cli.name_completion import names_of
from lbrouter.cli.operator_session import operator_session
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.cli.shared_options import YesOption, parse_time_option
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.errors import UsageError
from lbrouter.model.messages.phrase import phrase

uplink = typer.Typer(
    name="uplink",
    help="Drain, pin, restore and add uplinks (the daemon must run).",
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


@uplink.command()
def add(
    context: typer.Context,
    *,
    usb: Annotated[
        bool, typer.Option("--usb", help="A phone or a stick by USB that the file does not have.")
    ] = False,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it.")] = "",
    interface: Annotated[
        str, typer.Option(metavar="PORT", help="Which port, where there are several.")
    ] = "",
    confirm_within: Annotated[
        str, typer.Option(metavar="TIME", help="Undo it unless you confirm it within TIME.")
    ] = "60s",
    json: JsonOption = False,
) -> int:
    """Write the section of a line by USB, check the file, and apply it on trial."""
    if not usb:
        raise UsageError(
            "uplink add needs to know what to add.", remedy="A phone by USB: add --usb"
        )
    within = parse_time_option(confirm_within, option="--confirm-within")
    settings = settings_of(context, json=json)
    from lbrouter.cli.usb_uplink_file import add_usb_uplink  # noqa: PLC0415  -- 400 ms to load

    return add_usb_uplink(settings, name=name, interface=interface, within=within)


def _send(context: typer.Context, verb: str, fields: Document, *, json: bool) -> int:
    settings, command = settings_of(context, json=json), f"lbrouter uplink {verb}"
    return send_operator_command(settings, {"verb": verb, **fields}, command=command)


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
            remedy=phrase("lbrouter login {name} --client 10.10.99.20", name=name),
        )
    span = parse_time_option(time, option="--for")
    asked = {
        "verb": "login",
        "uplink": name,
        "client": client or str(session.client if session is not None else ""),
        "for_ms": 0 if span is None else int(span),
    }
    settings = settings_of(context, json=json)
    return send_operator_command(settings, asked, command=f"lbrouter login {name}")
