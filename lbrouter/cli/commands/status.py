"""`lbrouter status`: uplinks, policies and VLANs at a glance, from the daemon or off the kernel."""

from contextlib import suppress
from math import ceil
from typing import cast

from rich.console import Console, Group, RenderableType
from rich.text import Text

from lbrouter.cli import context, effects
from lbrouter.cli.output.render import print_diagnostics, print_json
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.report.status import (
    PolicyStatus,
    Status,
    StatusInputs,
    UplinkStatus,
    VlanStatus,
)
from lbrouter.compile.report.status import status_document as composed_of
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.events.history import utc_timestamp
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.counters import measure_traffic
from lbrouter.model.errors import ExitCode, NotAppliedError, NotPermittedError
from lbrouter.model.health import UplinkState

STATUS_STATE_STYLES = {
    UplinkState.UP: "green",
    UplinkState.DEGRADED: "yellow",
    UplinkState.DRAINED: "yellow",
    UplinkState.DOWN: "bold red",
    UplinkState.WAITING: "magenta",
}

STATUS_REPLY_TIMEOUT_S = 5.0
"""A daemon that does not answer in this time is passed over: somebody wants to know now."""

NO_TERMINAL_WIDTH = 160
"""Columns where the output is no terminal: a file or a pipe has no edge to wrap at."""


async def status(settings: CommandSettings) -> int:
    """Print the document of the contract, section 3, or tables made of it."""
    composed = await status_document(settings)
    config = context.config_or_none(settings)
    programs = {} if config is None else effects.services_status(settings, config)
    if settings.json:
        print_json({**composed, "services": programs})
    else:
        console().print(_status_tables(composed))
    print_diagnostics("warning", effects.status_warnings(programs))
    if not composed["daemon"]:
        print_diagnostics("note", (context.NO_DAEMON_NOTE,))
    return ExitCode.DONE


async def status_document(settings: CommandSettings) -> Status:
    """The daemon's document; without a daemon, or where it is silent, our own."""
    with suppress(NotAppliedError, NotPermittedError):
        found = await client.ask(
            settings.runtime_dir, {"verb": "status"}, timeout_s=STATUS_REPLY_TIMEOUT_S
        )
        if found is not None:
            return cast("Status", found)
    return await status_from_kernel(settings)


async def status_from_kernel(settings: CommandSettings) -> Status:
    """What can be read off the kernel alone."""
    file = context.load_config_file(settings)
    waiting = PendingCommitStore(state_dir=settings.state_dir, runtime_dir=settings.runtime_dir)
    async with LinuxKernel() as kernel:
        found = await context.build_applier(settings, kernel).observe(file.config)
    seen = StatusInputs(
        allocation=found.allocation,
        facts=found.facts,
        observed=found.observed,
        health=found.health,
        measured=await measure_traffic(interfaces_of(file.config)),
        config_digest=file.digest,
        observed_at=utc_timestamp(precision="seconds"),
    )
    composed = composed_of(file.config, seen)
    left = waiting.remaining_s()
    composed["pending_confirm_s"] = None if left is None else ceil(left)
    return composed


def console() -> Console:
    """Standard output: colours on a terminal alone, never with NO_COLOR; no edge elsewhere."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=NO_TERMINAL_WIDTH)


def _status_tables(composed: Status) -> RenderableType:
    applied = "applied" if composed["applied"] else "not applied: the kernel holds nothing of ours"
    daemon = "daemon runs" if composed["daemon"] else "no daemon"
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, {daemon}")
    if composed["pending_confirm_s"] is not None:
        left = f"  undone in {composed['pending_confirm_s']} s unless confirmed"
        heading.append(left, "bold yellow")
    tables = (
        _uplink_table(composed["uplinks"]),
        _policy_table(composed["policies"]),
        _vlan_table(composed["vlans"]),
    )
    return Group(heading, *(part for table in tables for part in (Text(), table)))


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


def format_rate(bits_per_second: int) -> str:
    """A measured rate, short: "6.1 Mbit/s". `Rate` would print every digit."""
    value = float(bits_per_second)
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bit/s" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} Gbit/s"
