"""`lbrouter status`: uplinks, policies and VLANs at a glance, from the daemon or off the kernel."""

from contextlib import suppress
from math import ceil
from typing import cast

from rich.console import Console, Group, RenderableType
from rich.text import Text

from lbrouter.cli import context, effects
from lbrouter.cli.output.render import document, notes
from lbrouter.cli.output.table import Sheet
from lbrouter.cli.settings import Settings
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.report.status import PolicyStatus, Seen, Status, UplinkStatus, VlanStatus
from lbrouter.compile.report.status import status as composed_of
from lbrouter.daemon.confirm.pending_commit import Waiting
from lbrouter.daemon.control import client
from lbrouter.daemon.events.history import moment
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.counters import measure
from lbrouter.model.errors import Exit, NotAppliedError, NotPermittedError
from lbrouter.model.health import UplinkState

STYLES = {
    UplinkState.UP: "green",
    UplinkState.DEGRADED: "yellow",
    UplinkState.DRAINED: "yellow",
    UplinkState.DOWN: "bold red",
    UplinkState.WAITING: "magenta",
}

PATIENCE_S = 5.0
"""A daemon that does not answer in this time is passed over: somebody wants to know now."""

PLAIN_WIDTH = 160
"""Columns where the output is no terminal: a file or a pipe has no edge to wrap at."""


async def status(settings: Settings) -> int:
    """Print the document of the contract, section 3, or tables made of it."""
    composed = await compose(settings)
    config = context.config_or_none(settings)
    programs = {} if config is None else effects.status(settings, config)
    if settings.json:
        document({**composed, "services": programs})
    else:
        console().print(_tables(composed))
    notes("warning", effects.troubles(programs))
    if not composed["daemon"]:
        notes("note", (context.NO_DAEMON,))
    return Exit.DONE


async def compose(settings: Settings) -> Status:
    """The daemon's document; without a daemon, or where it is silent, our own."""
    with suppress(NotAppliedError, NotPermittedError):
        found = await client.ask(settings.runtime_dir, {"verb": "status"}, patience_s=PATIENCE_S)
        if found is not None:
            return cast("Status", found)
    return await read(settings)


async def read(settings: Settings) -> Status:
    """What can be read off the kernel alone."""
    file = context.load(settings)
    waiting = Waiting(state_dir=settings.state_dir, runtime_dir=settings.runtime_dir)
    async with LinuxKernel() as kernel:
        found = await context.machine(settings, kernel).look(file.config)
    seen = Seen(
        allocation=found.allocation,
        facts=found.facts,
        observed=found.observed,
        health=found.health,
        measured=await measure(interfaces_of(file.config)),
        digest=file.digest,
        moment=moment(precision="seconds"),
    )
    composed = composed_of(file.config, seen)
    left = waiting.left()
    composed["pending_confirm_s"] = None if left is None else ceil(left)
    return composed


def console() -> Console:
    """Standard output: colours on a terminal alone, never with NO_COLOR; no edge elsewhere."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _tables(composed: Status) -> RenderableType:
    applied = "applied" if composed["applied"] else "not applied: the kernel holds nothing of ours"
    daemon = "daemon runs" if composed["daemon"] else "no daemon"
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, {daemon}")
    if composed["pending_confirm_s"] is not None:
        left = f"  undone in {composed['pending_confirm_s']} s unless confirmed"
        heading.append(left, "bold yellow")
    tables = (
        _uplinks(composed["uplinks"]),
        _policies(composed["policies"]),
        _vlans(composed["vlans"]),
    )
    return Group(heading, *(part for table in tables for part in (Text(), table)))


def _uplinks(uplinks: dict[str, UplinkStatus]) -> Sheet:
    sheet = Sheet(
        *("uplink", "state", "interface", "address", "gateway"),
        *("rtt", "loss", "up", "down", "flows", ""),
        aside=("interface", "address", "gateway", ""),
    )
    for name, each in uplinks.items():
        flows = each["connections"]
        sheet.add(
            name,
            Text(each["state"], style=STYLES[UplinkState(each["state"])]),
            each["interface"],
            _either(each["address"], each["address6"]),
            _either(each["gateway"], each["gateway6"]),
            _measured(each["rtt_ms"], "ms"),
            _measured(each["loss_percent"], "%"),
            rate(each["upload_bps"]),
            rate(each["download_bps"]),
            "?" if flows is None else str(flows),
            each["reason"],
        )
    return sheet


def _policies(policies: dict[str, PolicyStatus]) -> Sheet:
    sheet = Sheet("policy", "mode", "new flows go by")
    for name, each in policies.items():
        shares = ", ".join(f"{uplink} {share} %" for uplink, share in each["shares"].items())
        pinned = f" (pinned to {each['pinned']})" if each["pinned"] else ""
        way = Text(shares + pinned) if shares else Text("nobody: unreachable", style="bold red")
        sheet.add(name, each["mode"], way)
    return sheet


def _vlans(vlans: dict[str, VlanStatus]) -> Sheet:
    sheet = Sheet(
        *("VLAN", "interface", "policy", "up", "down", "guaranteed up", "guaranteed down", ""),
        aside=("interface", "policy", ""),
    )
    for name, each in vlans.items():
        guarantees = (
            _guarantee(each["guaranteed_upload_bps"], each["short_upload_bps"]),
            _guarantee(each["guaranteed_download_bps"], each["short_download_bps"]),
        )
        sheet.add(
            name,
            each["interface"],
            each["policy"],
            rate(each["upload_bps"]),
            rate(each["download_bps"]),
            *guarantees,
            Text(_remark(each), style="yellow"),
        )
    return sheet


def _guarantee(promised: int, missing: int) -> Text:
    if not promised:
        return Text("-")
    if not missing:
        return Text(rate(promised))
    return Text(f"{rate(promised)}, {rate(missing)} short", style="bold red")


def _remark(vlan: VlanStatus) -> str:
    others = [f"{each['address']} ({each['mac']})" for each in vlan["other_dhcp_servers"]]
    found = [f"another DHCP server: {', '.join(others)}"] if others else []
    return "; ".join(filter(None, (vlan["reason"], _limit(vlan), *found)))


def _limit(vlan: VlanStatus) -> str:
    """An operator's limit: "limited to 5.0 Mbit/s up, 5.0 Mbit/s down, 540 s left"."""
    held = {way: each for way, each in (vlan["limit"] or {}).items() if each is not None}
    if not held:
        return ""
    words = {"upload": "up", "download": "down"}
    rates = ", ".join(f"{rate(each['rate_bps'])} {words[way]}" for way, each in held.items())
    ends = [each["ends_in_s"] for each in held.values() if each["ends_in_s"] is not None]
    return f"limited to {rates}" + (f", {min(ends)} s left" if ends else "")


def _either(first: str | None, second: str | None) -> str:
    return first or second or "-"


def _measured(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"


def rate(bits_per_second: int) -> str:
    """A measured rate, short: "6.1 Mbit/s". `Rate` would print every digit."""
    value = float(bits_per_second)
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bit/s" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} Gbit/s"
