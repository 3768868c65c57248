"""`lbrouter status`: uplinks, policies and VLANs at a glance, from the daemon or off the kernel."""

import asyncio
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from lbrouter.cli import effects
from lbrouter.cli.context import NO_DAEMON_NOTE, config_or_none
from lbrouter.cli.gateway_status import current_status
from lbrouter.cli.output.console import console
from lbrouter.cli.output.rates import format_rate
from lbrouter.cli.output.render import print_diagnostics, print_json
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.shared_options import LangOption, language_of
from lbrouter.compile.report.kernel_status import KernelStatus
from lbrouter.compile.report.status import (
    PolicyStatus,
    Status,
    UplinkStatus,
    VlanStatus,
)
from lbrouter.model.errors import ExitCode
from lbrouter.model.health import UplinkState

STATUS_STATE_STYLES = {
    UplinkState.UP: "green",
    UplinkState.DEGRADED: "yellow",
    UplinkState.DRAINED: "yellow",
    UplinkState.DOWN: "bold red",
    UplinkState.WAITING: "magenta",
}

REJECTED_FILE_NOTE = (
    "the file on disk is not in force: it was rolled back. Change it, or `lbrouter apply` it again"
)


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
        from lbrouter.cli.commands.watch import (  # noqa: PLC0415  -- 30 ms that a look can spare
            keep_watching,
        )

        return asyncio.run(keep_watching(settings, language_of(lang)))
    return asyncio.run(_print_status(settings))


async def _print_status(settings: CommandSettings) -> int:
    """The document of the contract, section 3, or tables made of it."""
    composed = await current_status(settings)
    config = config_or_none(settings)
    programs = {} if config is None else effects.services_status(settings, config)
    if settings.json:
        print_json({**composed, "services": programs})
    else:
        console().print(_status_tables(composed))
    print_diagnostics("warning", effects.status_warnings(programs))
    if not composed["daemon"]:
        print_diagnostics("note", (NO_DAEMON_NOTE,))
    return ExitCode.DONE if composed["kernel"]["verified"] else ExitCode.CHECK_FAILED


def _status_tables(composed: Status) -> RenderableType:
    applied = "applied" if composed["applied"] else "not applied: the kernel holds nothing of ours"
    daemon = "daemon runs" if composed["daemon"] else "no daemon"
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, {daemon}")
    if composed["pending_confirm_s"] is not None:
        left = f"  undone in {composed['pending_confirm_s']} s unless confirmed"
        heading.append(left, "bold yellow")
    if composed["rejected_file"]:
        heading.append(f"\n{REJECTED_FILE_NOTE}", "bold yellow")
    if not composed["kernel"]["verified"]:
        heading.append(f"\n{_unverified_text(composed['kernel'])}", "bold red")
    tables = (
        _uplink_table(composed["uplinks"]),
        _policy_table(composed["policies"]),
        _vlan_table(composed["vlans"]),
    )
    return Group(heading, *(part for table in tables for part in (Text(), table)))


def _unverified_text(kernel: KernelStatus) -> str:
    return (
        f"THE KERNEL DOES NOT HOLD WHAT IT SHOULD, since {kernel['since']}:\n  {kernel['reason']}"
    )


def _uplink_table(uplinks: dict[str, UplinkStatus]) -> ResponsiveTable:
    sheet = ResponsiveTable(
        *("uplink", "state", "interface", "address", "gateway"),
        *("rtt", "loss", "up", "down", "flows", ""),
        overflow=("interface", "address", "gateway", ""),
    )
    for name, each in uplinks.items():
        flows = each["connections"]
        sheet.add_row(
            name,
            Text(each["state"], style=STATUS_STATE_STYLES[UplinkState(each["state"])]),
            each["interface"],
            _first_or_dash(each["address"], each["address6"]),
            _first_or_dash(each["gateway"], each["gateway6"]),
            _format_measured(each["rtt_ms"], "ms"),
            _format_measured(each["loss_percent"], "%"),
            format_rate(each["upload_bps"]),
            format_rate(each["download_bps"]),
            "?" if flows is None else str(flows),
            each["reason"],
        )
    return sheet


def _policy_table(policies: dict[str, PolicyStatus]) -> ResponsiveTable:
    sheet = ResponsiveTable("policy", "mode", "new flows go by")
    for name, each in policies.items():
        shares = ", ".join(f"{uplink} {share} %" for uplink, share in each["shares"].items())
        pinned = f" (pinned to {each['pinned']})" if each["pinned"] else ""
        way = Text(shares + pinned) if shares else Text("nobody: unreachable", style="bold red")
        sheet.add_row(name, each["mode"], way)
    return sheet


def _vlan_table(vlans: dict[str, VlanStatus]) -> ResponsiveTable:
    sheet = ResponsiveTable(
        *("VLAN", "interface", "policy", "up", "down", "guaranteed up", "guaranteed down", ""),
        overflow=("interface", "policy", ""),
    )
    for name, each in vlans.items():
        guarantees = (
            _guarantee_cell(each["guaranteed_upload_bps"], each["short_upload_bps"]),
            _guarantee_cell(each["guaranteed_download_bps"], each["short_download_bps"]),
        )
        sheet.add_row(
            name,
            each["interface"],
            each["policy"],
            format_rate(each["upload_bps"]),
            format_rate(each["download_bps"]),
            *guarantees,
            Text(_vlan_remark(each), style="yellow"),
        )
    return sheet


def _guarantee_cell(promised: int, missing: int) -> Text:
    if not promised:
        return Text("-")
    if not missing:
        return Text(format_rate(promised))
    return Text(f"{format_rate(promised)}, {format_rate(missing)} short", style="bold red")


def _vlan_remark(vlan: VlanStatus) -> str:
    others = [f"{each['address']} ({each['mac']})" for each in vlan["other_dhcp_servers"]]
    found = [f"another DHCP server: {', '.join(others)}"] if others else []
    return "; ".join(filter(None, (vlan["reason"], _limit_text(vlan), *found)))


def _limit_text(vlan: VlanStatus) -> str:
    """An operator's limit: "limited to 5.0 Mbit/s up, 5.0 Mbit/s down, 540 s left"."""
    held = {way: each for way, each in (vlan["limit"] or {}).items() if each is not None}
    if not held:
        return ""
    words = {"upload": "up", "download": "down"}
    rates = ", ".join(f"{format_rate(each['rate_bps'])} {words[way]}" for way, each in held.items())
    ends = [each["ends_in_s"] for each in held.values() if each["ends_in_s"] is not None]
    return f"limited to {rates}" + (f", {min(ends)} s left" if ends else "")


def _first_or_dash(first: str | None, second: str | None) -> str:
    return first or second or "-"


def _format_measured(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
