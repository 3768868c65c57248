"""`lbrouter explain`: what a flow gets, in sentences. Its JSON is an `Explanation`."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Final

import typer

from lbrouter.cli.context import (
    build_applier,
    explain_context,
    health_source,
    load_config_file,
)
from lbrouter.cli.effects import dnsmasq_service
from lbrouter.cli.endpoint_names import flow_ends
from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.screen_language import on_screen
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.explain import explanation
from lbrouter.compile.explain.explanation import Explanation
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.firewall_sets import learned_names
from lbrouter.model.errors import ExitCode
from lbrouter.model.messages.phrase import as_phrase, phrase

DEFAULT_FLOW_PORTS: Final = {"tcp": 443, "udp": 443}
"""What is meant by a flow without a port: the web."""

ExplainRow = tuple[str, str]
"""A label and a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainArguments:
    """The arguments of the verb, as they were typed."""

    source: str
    destination: str
    protocol: str
    port: int | None


def explain(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SRC", help='Address, VLAN, client\'s name or "gateway".')
    ],
    destination: Annotated[str, typer.Argument(metavar="DST", help="Address or name.")],
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
    """Show which rule, policy, uplink, mark, table, source and class a flow gets."""
    settings = settings_of(context, json=json)
    arguments = ExplainArguments(
        source=source, destination=destination, protocol=protocol, port=port
    )
    answer, notes = asyncio.run(_explain_flow(settings, arguments))
    if settings.json:
        print_json(answer)
    else:
        # Labels in one column, sentences in the next.
        rows = [*((phrase("name"), note) for note in notes), *_explanation_rows(answer)]
        lines = [(on_screen(label), on_screen(text)) for label, text in rows]
        width = max(len(label) for label, _ in lines)
        print_line("\n".join(f"{label:<{width}}  {text}" for label, text in lines))
    return ExitCode.DONE


async def _explain_flow(
    settings: CommandSettings, arguments: ExplainArguments
) -> tuple[Explanation, tuple[str, ...]]:
    """The explanation, and which addresses stand for the names that were typed."""
    file = load_config_file(settings)
    ends = await flow_ends(
        file.config,
        dnsmasq_service(settings).current_leases(),
        source=arguments.source,
        destination=arguments.destination,
    )
    async with LinuxKernel() as kernel:
        here = build_applier(settings, kernel)
        known = await explain_context(here, file.config, await health_source(settings))
    flow = parse_flow(
        file.config,
        known.facts,
        source=ends.source,
        destination=ends.destination,
        protocol=arguments.protocol,
        port=arguments.port or DEFAULT_FLOW_PORTS.get(arguments.protocol),
    )
    names = learned_names(file.config, flow.destination)
    flow = replace(flow, known_names=names)
    return explanation.explain(file.config, flow, known), ends.notes


def _explanation_rows(answer: Explanation) -> Iterator[ExplainRow]:
    flow = answer["flow"]
    port = "" if flow["port"] is None else phrase(" port {port}", port=flow["port"])
    vlan = phrase(" (VLAN {vlan})", vlan=answer["vlan"]) if answer["vlan"] else ""
    yield (
        "flow",
        phrase(
            "{source}{vlan} to {destination}, {protocol}{port}",
            source=flow["source"],
            vlan=vlan,
            destination=flow["destination"],
            protocol=flow["protocol"],
            port=port,
        ),
    )
    verdict, because = as_phrase(answer["verdict"]), as_phrase(answer["because"])
    yield "verdict", phrase("{verdict}: {because}", verdict=verdict, because=because)
    if answer["policy"]:
        sticky_s = answer["sticky_s"]
        sticky = (
            phrase(", a client keeps its uplink for {time} s", time=f"{sticky_s:.0f}")
            if sticky_s
            else ""
        )
        known = {"policy": answer["policy"], "mode": answer["mode"], "sticky": sticky}
        yield "policy", phrase("{policy} ({mode}{sticky})", **known)
    for way in answer["ways"]:
        via = phrase(" via {gateway}", gateway=way["gateway"]) if way["gateway"] else ""
        percent = way["share_percent"]
        share = phrase(", {percent} % of new flows", percent=percent) if percent < 100 else ""
        known = {"uplink": way["uplink"], "interface": way["interface"], "via": via, "share": share}
        yield "uplink", phrase("{uplink}: {interface}{via}{share}", **known)
        source = way["source_address"] or phrase("unknown")
        known = {"mark": way["mark"], "table": str(way["table"]), "source": source}
        yield "", phrase("mark {mark}, table {table}, source {source}", **known)
        classes = [
            f"{direction} {way_class}"
            for direction, way_class in (
                ("upload", way["upload_class"]),
                ("download", way["download_class"]),
            )
            if way_class
        ]
        listed = ", ".join(classes)
        yield "", phrase("class {classes}", classes=listed) if classes else phrase("not shaped")
    for uplink, shares in answer["if_down"].items():
        others = ", ".join(f"{other} ({share} %)" for other, share in shares.items())
        yield (
            phrase("if {uplink} fails", uplink=uplink),
            phrase("new flows go by {others}", others=others)
            if shares
            else phrase("new flows are answered at once with an ICMP unreachable"),
        )
