"""`lbrouter clients`: who is where, read off the machine itself, with a daemon or without."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from lbrouter.cli import context, effects
from lbrouter.cli.commands.status import console, rate
from lbrouter.cli.output.render import document, note
from lbrouter.cli.output.table import Sheet
from lbrouter.cli.settings import Settings
from lbrouter.compile.report.clients import ClientStatus, Load, Sighting
from lbrouter.compile.report.clients import clients as compose
from lbrouter.compile.state.allocate import allocate
from lbrouter.kernel.read.conntrack import Flow, flows
from lbrouter.kernel.read.neighbour_table import heard
from lbrouter.kernel.storage.store import Store
from lbrouter.model.config import Config
from lbrouter.model.errors import Exit
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.reserved_ids import number_of

SAMPLE_S: Final = 1.0
"""Over which rates are counted."""

BLIND: Final = "the connections cannot be read ({}): no uplinks, rates and numbers of connections"


async def clients(settings: Settings) -> int:
    """Print a row for each client; with JSON {"clients": [...]}, see `compile.clients`."""
    config = context.load(settings).config
    found = compose(config, await _seen(settings, config))
    if settings.json:
        document({"clients": found})
    else:
        console().print(_sheet(found))
    return Exit.DONE


async def _seen(settings: Settings, config: Config) -> Sighting:
    begun = time.monotonic()
    try:
        before = await asyncio.to_thread(flows)
        await asyncio.sleep(max(0.0, SAMPLE_S - (time.monotonic() - begun)))
        seconds, after = time.monotonic() - begun, await asyncio.to_thread(flows)
        loads: Mapping[IpAddress, Load] | None = _loads(before, after)
    except OSError as error:
        note(f"note: {BLIND.format(error.strerror)}")
        seconds, loads = SAMPLE_S, None
    numbers = allocate(config, Store(settings.state_dir).allocation()).uplinks
    return Sighting(
        leases=effects.dnsmasq_of(settings).held(),
        neighbours=await heard(frozenset(map(config.device_of, config.vlans.values()))),
        loads=loads,
        uplinks={number: name for name, number in numbers.items()},
        now=int(time.time()),
        seconds=seconds,
    )


def _loads(before: Sequence[Flow], after: Sequence[Flow]) -> dict[IpAddress, Load]:
    """What each address has open, and the bytes between the two looks.

    A connection that began in between counts with all its bytes; one that ended in between is lost.
    """
    past = {flow.ident: (flow.sent or 0, flow.received or 0) for flow in before}
    counts: dict[bytes, Counter[int]] = defaultdict(Counter)
    sums: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    uncounted: set[bytes] = set()
    for flow in after:
        counts[flow.source][number_of(flow.mark)] += 1
        if flow.sent is None or flow.received is None:
            uncounted.add(flow.source)
            continue
        sent, received = past.get(flow.ident, (0, 0))
        total = sums[flow.source]
        total[0] += max(0, flow.sent - sent)
        total[1] += max(0, flow.received - received)
    return {
        ip_address(source): _load(count, sums[source], counted=source not in uncounted)
        for source, count in counts.items()
        if source
    }


def _load(count: Counter[int], total: Sequence[int], *, counted: bool) -> Load:
    if not counted:
        return Load(connections=count)
    return Load(connections=count, sent=total[0], received=total[1])


def _sheet(found: Sequence[ClientStatus]) -> Sheet:
    sheet = Sheet(
        *("name", "MAC", "address", "lease until", "VLAN", "uplink", "up", "down", "flows"),
        key="address",
        aside=("MAC", "lease until", "VLAN", "uplink"),
    )
    for each in found:
        flow_count = each["connections"]
        sheet.add(
            each["name"] or "-",
            each["mac"] or "-",
            each["address"],
            _until(each["lease_ends"]),
            each["vlan"],
            each["uplink"] or "-",
            _rate(each["upload_bps"]),
            _rate(each["download_bps"]),
            "?" if flow_count is None else str(flow_count),
        )
    return sheet


def _rate(bps: int | None) -> str:
    return "?" if bps is None else rate(bps)


def _until(moment: str | None) -> str:
    """In the time of the machine: what a clock on the wall shows."""
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone().strftime("%d %b %H:%M")
