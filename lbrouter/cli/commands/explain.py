"""`lbrouter explain`: what a flow gets, in sentences. Its JSON is an `Explanation`."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
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
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.explain import explanation
from lbrouter.compile.explain.explanation import Explanation
from lbrouter.compile.explain.flow import parse_flow
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import ExitCode

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
        lines = [*(("name", note) for note in notes), *_explanation_rows(answer)]
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
    return explanation.explain(file.config, flow, known), ends.notes


def _explanation_rows(answer: Explanation) -> Iterator[ExplainRow]:
    flow = answer["flow"]
    port = "" if flow["port"] is None else f" port {flow['port']}"
    vlan = f" (VLAN {answer['vlan']})" if answer["vlan"] else ""
    to = f"{flow['destination']}, {flow['protocol']}{port}"
    yield "flow", f"{flow['source']}{vlan} to {to}"
    yield "verdict", f"{answer['verdict']}: {answer['because']}"
    if answer["policy"]:
        sticky_s = answer["sticky_s"]
        sticky = f", a client keeps its uplink for {sticky_s:.0f} s" if sticky_s else ""
        yield "policy", f"{answer['policy']} ({answer['mode']}{sticky})"
    for way in answer["ways"]:
        via = f" via {way['gateway']}" if way["gateway"] else ""
        share = f", {way['share_percent']} % of new flows" if way["share_percent"] < 100 else ""
        yield ("uplink", f"{way['uplink']}: {way['interface']}{via}{share}")
        yield ("", f"mark {way['mark']}, table {way['table']}, source {way['source_address']}")
        classes = [
            f"{direction} {way_class}"
            for direction, way_class in (
                ("upload", way["upload_class"]),
                ("download", way["download_class"]),
            )
            if way_class
        ]
        yield ("", f"class {', '.join(classes)}" if classes else "not shaped")
    for uplink, shares in answer["if_down"].items():
        others = ", ".join(f"{other} ({share} %)" for other, share in shares.items())
        then = f"go by {others}" if shares else "are answered at once with an ICMP unreachable"
        yield f"if {uplink} fails", f"new flows {then}"
