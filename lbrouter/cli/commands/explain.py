"""`lbrouter explain`: what a flow gets, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.cli import context
from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.explain.explanation import Explanation, FlowPath
from lbrouter.compile.explain.explanation import explain as reason
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


async def explain(settings: CommandSettings, arguments: ExplainArguments) -> int:
    """Print the explanation; its JSON is `compile.explain.Explanation`."""
    file = context.load_config_file(settings)
    async with LinuxKernel() as kernel:
        here = context.build_applier(settings, kernel)
        known = await context.explain_context(
            here, file.config, await context.health_source(settings)
        )
    flow = parse_flow(
        file.config,
        known.facts,
        source=arguments.source,
        destination=arguments.destination,
        protocol=arguments.protocol,
        port=arguments.port or DEFAULT_FLOW_PORTS.get(arguments.protocol),
    )
    answer = reason(file.config, flow, known)
    if settings.json:
        print_json(answer)
    else:
        print_line(_format_table(answer))
    return ExitCode.DONE


def _format_table(answer: Explanation) -> str:
    """Labels in one column, sentences in the next."""
    lines = list(_explanation_rows(answer))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in lines)


def _explanation_rows(answer: Explanation) -> Iterator[ExplainRow]:
    flow = answer["flow"]
    port = "" if flow["port"] is None else f" port {flow['port']}"
    vlan = f" (VLAN {answer['vlan']})" if answer["vlan"] else ""
    to = f"{flow['destination']}, {flow['protocol']}{port}"
    yield "flow", f"{flow['source']}{vlan} to {to}"
    yield "verdict", f"{answer['verdict']}: {answer['because']}"
    if answer["policy"]:
        yield "policy", f"{answer['policy']} ({answer['mode']}{_sticky_text(answer)})"
    for way in answer["ways"]:
        yield from _uplink_rows(way)
    for uplink, shares in answer["if_down"].items():
        yield f"if {uplink} dies", f"new flows {_shares_text(shares)}"


def _uplink_rows(way: FlowPath) -> Iterator[ExplainRow]:
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


def _sticky_text(answer: Explanation) -> str:
    seconds = answer["sticky_s"]
    return f", a client keeps its uplink for {seconds:.0f} s" if seconds else ""


def _shares_text(shares: dict[str, int]) -> str:
    if not shares:
        return "are answered at once with an ICMP unreachable"
    return "go by " + ", ".join(f"{uplink} ({share} %)" for uplink, share in shares.items())
