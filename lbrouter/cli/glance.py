"""`lbrouter status`: uplinks, policies and VLANs at a glance, read off the kernel."""

from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lbrouter.cli import services, session
from lbrouter.cli.render import document, notes
from lbrouter.cli.settings import Settings
from lbrouter.compile.firewall import interfaces_of
from lbrouter.compile.status import PolicyStatus, Seen, Status, UplinkStatus, VlanStatus
from lbrouter.compile.status import status as compose
from lbrouter.kernel.counters import measure
from lbrouter.kernel.linux import LinuxKernel
from lbrouter.kernel.store import Store
from lbrouter.model.errors import Exit
from lbrouter.model.health import UplinkState

STYLES = {
    UplinkState.UP: "green",
    UplinkState.DEGRADED: "yellow",
    UplinkState.DRAINED: "yellow",
    UplinkState.DOWN: "bold red",
    UplinkState.WAITING: "magenta",
}

PLAIN_WIDTH = 160
"""Columns where the output is no terminal: a file or a pipe has no edge to wrap at."""


async def status(settings: Settings) -> int:
    """Print the document of the contract, section 3, or tables made of it."""
    file, store = session.load(settings), Store(settings.state_dir)
    async with LinuxKernel() as kernel:
        found = await session.look(kernel, store, settings, file.config)
    seen = Seen(
        allocation=found.allocation,
        facts=found.facts,
        observed=found.observed,
        health=found.health,
        measured=await measure(interfaces_of(file.config)),
        digest=file.digest,
        moment=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    composed = compose(file.config, seen)
    programs = services.status(settings, file.config)
    if settings.json:
        document({**composed, "services": programs})
    else:
        console().print(_tables(composed))
    notes("warning", services.troubles(programs))
    notes("note", (session.NO_DAEMON,))
    return Exit.DONE


def console() -> Console:
    """Standard output: colours on a terminal alone, never with NO_COLOR; no edge elsewhere."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _tables(composed: Status) -> RenderableType:
    applied = "applied" if composed["applied"] else "not applied: the kernel holds nothing of ours"
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, no daemon")
    tables = (
        _uplinks(composed["uplinks"]),
        _policies(composed["policies"]),
        _vlans(composed["vlans"]),
    )
    return Group(heading, *(part for table in tables for part in (Text(), table)))


def _uplinks(uplinks: dict[str, UplinkStatus]) -> Table:
    table = _table("uplink", "state", "interface", "address", "gateway", "up", "down", "flows", "")
    for name, each in uplinks.items():
        flows = each["connections"]
        table.add_row(
            name,
            Text(each["state"], style=STYLES[UplinkState(each["state"])]),
            each["interface"],
            _either(each["address"], each["address6"]),
            _either(each["gateway"], each["gateway6"]),
            rate(each["upload_bps"]),
            rate(each["download_bps"]),
            "?" if flows is None else str(flows),
            each["reason"],
        )
    return table


def _policies(policies: dict[str, PolicyStatus]) -> Table:
    table = _table("policy", "mode", "new flows go by")
    for name, each in policies.items():
        shares = ", ".join(f"{uplink} {share} %" for uplink, share in each["shares"].items())
        table.add_row(name, each["mode"], shares or Text("nobody: unreachable", style="bold red"))
    return table


def _vlans(vlans: dict[str, VlanStatus]) -> Table:
    table = _table("VLAN", "interface", "policy", "up", "down", "guaranteed up", "guaranteed down")
    for name, each in vlans.items():
        guarantees = (each["guaranteed_upload_bps"], each["guaranteed_download_bps"])
        table.add_row(
            name,
            each["interface"],
            each["policy"],
            rate(each["upload_bps"]),
            rate(each["download_bps"]),
            *(rate(bps) if bps else "-" for bps in guarantees),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _either(first: str | None, second: str | None) -> str:
    return first or second or "-"


def rate(bits_per_second: int) -> str:
    """A measured rate, short: "6.1 Mbit/s". `Rate` would print every digit."""
    value = float(bits_per_second)
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bit/s" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} Gbit/s"
