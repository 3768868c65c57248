"""`lbrouter status`: uplinks, policies and VLANs at a glance, from the daemon or off the kernel."""

import asyncio
from datetime import tzinfo
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from lbrouter.cli import effects
from lbrouter.cli.context import NO_DAEMON_NOTE, config_or_none
from lbrouter.cli.gateway_status import current_status
from lbrouter.cli.output.console import console
from lbrouter.cli.output.kernel_truth import unverified_kernel
from lbrouter.cli.output.render import print_diagnostics, print_json
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.output.watch_tables import round_trip_ms
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.shared_options import LangOption, language_of
from lbrouter.compile.report.clock import local_time, zone_name
from lbrouter.compile.report.status_types import PolicyStatus, Status, UplinkStatus, VlanStatus
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, state_style
from lbrouter.compile.report.wording import format_rate
from lbrouter.daemon.events.history import utc_timestamp
from lbrouter.model.errors import ExitCode
from lbrouter.model.health import UplinkState

REJECTED_FILE_NOTE = (
    "the file on disk is not in force: it was rolled back. Change it, or `lbrouter apply` it again"
)

UNAPPLIED_FILE_NOTE = (
    "the file on disk is not in force: it was not applied. `lbrouter plan` shows the difference"
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
    zone = None if config is None else config.gateway.timezone
    programs = {} if config is None else effects.services_status(settings, config)
    if settings.json:
        print_json({**composed, "services": programs})
    else:
        console().print(status_tables(composed, zone))
    print_diagnostics("warning", effects.status_warnings(programs))
    if not composed["daemon"]:
        print_diagnostics("note", (NO_DAEMON_NOTE,))
    return ExitCode.DONE if unverified_kernel(composed) is None else ExitCode.CHECK_FAILED


def status_tables(composed: Status, zone: tzinfo | None) -> RenderableType:
    """The document as tables; times are in `zone`, which the heading names."""
    applied = "applied" if composed["applied"] else "not applied: the kernel holds nothing of ours"
    daemon = "daemon runs" if composed["daemon"] else "no daemon"
    now = utc_timestamp()
    clock = f"{local_time(now, zone)} {zone_name(now, zone)}".rstrip()
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, {daemon}  {clock}")
    if composed["pending_confirm_s"] is not None:
        left = f"  undone in {composed['pending_confirm_s']} s unless confirmed"
        heading.append(left, f"bold {FAIR_STYLE}")
    if composed["rejected_file"]:
        heading.append(f"\n{REJECTED_FILE_NOTE}", f"bold {FAIR_STYLE}")
    elif composed["unapplied_file"]:
        heading.append(f"\n{UNAPPLIED_FILE_NOTE}", f"bold {FAIR_STYLE}")
    alarm = unverified_kernel(composed)
    if alarm is not None:
        since = local_time(alarm["since"], zone)
        heading.append(
            f"\nTHE KERNEL DOES NOT HOLD WHAT IT SHOULD, since {since}:\n  {alarm['reason']}",
            BAD_STYLE,
        )
    tables = (
        _uplink_table(composed, zone),
        _policy_table(composed["policies"]),
        _vlan_table(composed["vlans"]),
    )
    return Group(heading, *(part for table in tables for part in (Text(), table)))


def _uplink_table(composed: Status, zone: tzinfo | None) -> ResponsiveTable:
    sheet = ResponsiveTable(
        *("uplink", "state", "interface", "address", "gateway"),
        *("rtt", "loss", "up", "down", "flows", ""),
        overflow=("interface", "address", "gateway", ""),
    )
    for name, each in composed["uplinks"].items():
        flows = each["connections"]
        sheet.add_row(
            name,
            Text(each["state"], style=state_style(each["state"])),
            each["interface"],
            _first_or_dash(each["address"], each["address6"]),
            _first_or_dash(each["gateway"], each["gateway6"]),
            _format_measured(round_trip_ms(each), "ms"),
            _format_measured(each["loss_percent"], "%"),
            format_rate(each["upload_bps"]),
            format_rate(each["download_bps"]),
            "?" if flows is None else str(flows),
            _reason_text(each, zone) if composed["daemon"] else each["reason"],
        )
    return sheet


def _reason_text(uplink: UplinkStatus, zone: tzinfo | None) -> str:
    """The reason; of a line that is not up, since when as well."""
    if uplink["state"] == UplinkState.UP:
        return uplink["reason"]
    return f"since {local_time(uplink['since'], zone)}: {uplink['reason']}"


def _policy_table(policies: dict[str, PolicyStatus]) -> ResponsiveTable:
    sheet = ResponsiveTable("policy", "mode", "new flows go by")
    for name, each in policies.items():
        shares = ", ".join(f"{uplink} {share} %" for uplink, share in each["shares"].items())
        pinned = f" (pinned to {each['pinned']})" if each["pinned"] else ""
        way = Text(shares + pinned) if shares else Text("no uplink: unreachable", style=BAD_STYLE)
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
            Text(_vlan_remark(each), style=FAIR_STYLE),
        )
    return sheet


def _guarantee_cell(promised: int, missing: int) -> Text:
    if not promised:
        return Text("-")
    if not missing:
        return Text(format_rate(promised))
    return Text(f"{format_rate(promised)}, {format_rate(missing)} short", style=BAD_STYLE)


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
