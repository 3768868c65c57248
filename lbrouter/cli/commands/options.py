"""The verbs that change nothing: check, plan, status, clients, events, explain and so on."""
# ruff: noqa: PLC0415  -- a verb imports what it needs, `--help` nothing

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.compile.report.i18n import language_from_environment
from lbrouter.model.language import Language

LangOption = Annotated[
    Language | None,
    typer.Option(help="Language of screen and sentences; else as LC_ALL, LC_MESSAGES, LANG say."),
]


def check(context: typer.Context, *, json: JsonOption = False) -> int:
    """Parse, validate, compile and dry-run the ruleset. Touches nothing."""
    from lbrouter.cli.commands.check import check as run

    return run(settings_of(context, json=json))


def plan(context: typer.Context, *, json: JsonOption = False) -> int:
    """Show what `apply` would change, in the words of ip, nft and tc."""
    from lbrouter.cli.commands.plan import plan as run

    return asyncio.run(run(settings_of(context, json=json)))


def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Keep watching, until Ctrl-C.")] = False,
    lang: LangOption = None,
    json: JsonOption = False,
) -> int:
    """Show uplinks, policies and VLANs at a glance."""
    settings = settings_of(context, json=json)
    if watch:
        from lbrouter.cli.commands.watch import watch as run

        return asyncio.run(run(settings, lang or language_from_environment(os.environ)))
    from lbrouter.cli.commands import status

    return asyncio.run(status.status(settings))


def events(
    context: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="The last N of them.")
    ] = 50,
    since: Annotated[
        str, typer.Option(metavar="TIME", help='Not older: "10m", "2h", "20:14" or RFC 3339.')
    ] = "",
    incident: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Those of one incident.")
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="A sentence for each incident, no events.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="And those to come.")] = False,
    lang: LangOption = None,
    json: JsonOption = False,
) -> int:
    """Print the timeline: what failed, what was done, what came back."""
    from datetime import datetime

    from lbrouter.cli.commands.events import EventFilter, parse_since
    from lbrouter.cli.commands.events import events as run

    wanted = EventFilter(
        limit=limit,
        since=parse_since(since, datetime.now().astimezone()) if since else "",
        incident=None if incident is None else str(incident),
        brief=brief,
        follow=follow,
    )
    language = lang or language_from_environment(os.environ)
    return asyncio.run(run(settings_of(context, json=json), wanted, language))


def clients(context: typer.Context, *, json: JsonOption = False) -> int:
    """List who is where: name, MAC, address, lease, VLAN, uplink, rates, connections."""
    from lbrouter.cli.commands.clients import clients as run

    return asyncio.run(run(settings_of(context, json=json)))


def measure(
    context: typer.Context,
    uplink: Annotated[str, typer.Argument(metavar="UPLINK", help="An uplink of the file.")],
    *,
    server: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="An iperf3 server (iperf3 -s).")
    ] = "",
    url: Annotated[
        str, typer.Option(metavar="URL", help="Or a page: GET for download, POST for upload.")
    ] = "",
    seconds: Annotated[
        int, typer.Option(metavar="N", min=3, max=60, help="How long, each way.")
    ] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Although the line is in use.")] = False,
    json: JsonOption = False,
) -> int:
    """Fill a line for a moment, and propose what the file should say of it."""
    from lbrouter.cli.commands.measure import MeasureArguments
    from lbrouter.cli.commands.measure import measure as run

    wanted = MeasureArguments(uplink=uplink, server=server, url=url, seconds=seconds, yes=yes)
    return asyncio.run(run(settings_of(context, json=json), wanted))


def explain(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SRC", help='Address, VLAN name or "gateway".')],
    destination: Annotated[str, typer.Argument(metavar="DST", help="Address.")],
    *,
    protocol: Annotated[
        str, typer.Option(metavar="NAME", help="tcp, udp, icmp, sctp, gre or esp.")
    ] = "tcp",
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=1, max=65535, help="Destination port (tcp: 443)."),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Say which rule, policy, uplink, mark, table, source and class a flow gets."""
    from lbrouter.cli.commands.explain import ExplainArguments
    from lbrouter.cli.commands.explain import explain as run

    question = ExplainArguments(
        source=source, destination=destination, protocol=protocol, port=port
    )
    return asyncio.run(run(settings_of(context, json=json), question))


def doctor(context: typer.Context, *, json: JsonOption = False) -> int:
    """Look at kernel, tools and neighbours, each with its remedy."""
    from lbrouter.cli.commands.doctor import doctor as run

    return asyncio.run(run(settings_of(context, json=json)))


def rehearse(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The configuration, unless --config names it."),
    ] = None,
    *,
    faults: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="all, none, or of: cable, blackhole, loss, latency, dns, portal, lease, flap.",
        ),
    ] = "all",
    bandwidth: Annotated[
        bool, typer.Option(help="Measure every VLAN's rates, alone, in a flood, after a loss.")
    ] = True,
    json: JsonOption = False,
) -> int:
    """Play the configuration with simulated ISPs, an internet and clients."""
    from lbrouter.cli.commands.rehearse import rehearse as run

    return run(settings_of(context, json=json), file, faults=faults, bandwidth=bandwidth)
