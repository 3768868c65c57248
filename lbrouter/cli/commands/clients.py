"""`lbrouter clients`: who is where, read off the machine itself, with a daemon or without.

With JSON: {"clients": [...]}, each a `ClientStatus`.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from typing import Annotated, Final

import typer
from rich.text import Text

from lbrouter.cli.context import load_config_file
from lbrouter.cli.effects import dnsmasq_service
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_damage, print_diagnostics, print_json
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.bounds_reached import BoundsReached
from lbrouter.compile.report.clients import (
    AddressTraffic,
    ClientObservations,
    ClientStatus,
    Neighbour,
    client_statuses,
    sorted_by_rate,
)
from lbrouter.compile.report.clock import local_date_time, zone_name
from lbrouter.compile.report.i18n import direction_text, translate
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.daemon.overrides.store import stored_blocks
from lbrouter.kernel.neighbours.neighbour_table import read_neighbour_table
from lbrouter.kernel.read.bound_sets import read_bounds_reached
from lbrouter.kernel.read.conntrack import ConntrackEntry, list_connections
from lbrouter.kernel.read.firewall_sets import foreign_clients
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.config import Config
from lbrouter.model.errors import ExitCode, LbrouterError
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.language import Language
from lbrouter.model.messages.figures import format_rate
from lbrouter.model.reserved_ids import uplink_number_of_mark

CLIENT_RATE_SAMPLE_S: Final = 1.0
"""Over which rates are counted."""

CONNTRACK_UNREADABLE_NOTE: Final = (
    "the connection table cannot be read ({error}): uplinks, rates and connections are missing"
)


class ClientOrder(StrEnum):
    """How the list is sorted."""

    ADDRESS = "address"
    RATE = "rate"


def clients(
    context: typer.Context,
    *,
    sort: Annotated[
        ClientOrder, typer.Option(help="By VLAN and address, or by rate: the highest first.")
    ] = ClientOrder.ADDRESS,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Show the first N clients.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """List the clients: name, MAC, address, lease, VLAN, uplink, rates, connections."""
    settings = settings_of(context, json=json)
    config = load_config_file(settings).config
    language = screen_language()
    statuses = client_statuses(config, asyncio.run(_observe_clients(settings, config, language)))
    if sort is ClientOrder.RATE:
        statuses = sorted_by_rate(statuses)
    statuses = statuses[:limit]
    if settings.json:
        print_json({"clients": statuses})
    else:
        console().print(_clients_table(statuses, config.gateway.timezone, language))
    return ExitCode.DONE


async def _observe_clients(
    settings: CommandSettings, config: Config, language: Language
) -> ClientObservations:
    begun = time.monotonic()
    try:
        before = await asyncio.to_thread(list_connections)
        await asyncio.sleep(max(0.0, CLIENT_RATE_SAMPLE_S - (time.monotonic() - begun)))
        seconds, after = time.monotonic() - begun, await asyncio.to_thread(list_connections)
        loads: Mapping[IpAddress, AddressTraffic] | None = _client_loads(before, after)
    except OSError as error:
        said = translate(language, CONNTRACK_UNREADABLE_NOTE, error=error.strerror)
        print_diagnostics(translate(language, "note"), (said,))
        seconds, loads = CLIENT_RATE_SAMPLE_S, None
    store = StateStore(settings.state_dir, print_damage)
    numbers = allocate(config, store.load_allocation()).uplinks
    return ClientObservations(
        leases=dnsmasq_service(settings).current_leases(),
        neighbours=read_neighbour_table(frozenset(map(config.vlan_device, config.vlans.values()))),
        traffic=loads,
        foreign=await asyncio.to_thread(_foreign_clients),
        uplink_names={number: name for name, number in numbers.items()},
        blocked=stored_blocks(settings.state_dir, print_damage).in_force(),
        bounds=_bounds_reached(),
        now=int(time.time()),
        interval_s=seconds,
    )


def _foreign_clients() -> tuple[Neighbour, ...]:
    """None where the firewall cannot be read."""
    try:
        return foreign_clients()
    except (LbrouterError, OSError):
        return ()


def _bounds_reached() -> Mapping[str, BoundsReached]:
    """Who is at a bound; nothing where no ruleset stands, or without the right to ask."""
    try:
        return read_bounds_reached()
    except OSError:
        return {}


def _client_loads(
    before: Sequence[ConntrackEntry], after: Sequence[ConntrackEntry]
) -> dict[IpAddress, AddressTraffic]:
    """What each address has open, and the bytes between the two looks.

    A connection that began in between counts with all its bytes; one that ended in between is lost.
    """
    past = {flow.ident: (flow.sent or 0, flow.received or 0) for flow in before}
    counts: dict[bytes, Counter[int]] = defaultdict(Counter)
    sums: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    uncounted: set[bytes] = set()
    for flow in after:
        counts[flow.source][uplink_number_of_mark(flow.mark)] += 1
        if flow.sent is None or flow.received is None:
            uncounted.add(flow.source)
            continue
        sent, received = past.get(flow.ident, (0, 0))
        total = sums[flow.source]
        total[0] += max(0, flow.sent - sent)
        total[1] += max(0, flow.received - received)
    return {
        ip_address(source): _client_load(count, sums[source], counted=source not in uncounted)
        for source, count in counts.items()
        if source
    }


def _client_load(count: Counter[int], total: Sequence[int], *, counted: bool) -> AddressTraffic:
    if not counted:
        return AddressTraffic(connections=count)
    return AddressTraffic(connections=count, sent=total[0], received=total[1])


def _clients_table(
    clients: Sequence[ClientStatus], zone: tzinfo | None, language: Language
) -> ResponsiveTable:
    say = partial(translate, language)
    lease = say("lease until ({zone})", zone=zone_name(utc_timestamp(), zone))
    address, uplink = say("address"), say("uplink")
    sheet = ResponsiveTable(
        *(say("name"), "MAC", address, lease, say("VLAN"), uplink),
        *(direction_text(language, "up"), direction_text(language, "down"), say("flows")),
        key=address,
        overflow=("MAC", lease, say("VLAN"), uplink),
    )
    for client in clients:
        lease_ends = client["lease_ends"]
        sheet.add_row(
            client["name"] or client["dhcp_name"] or "-",
            client["mac"] or "-",
            _address_cell(client, language),
            "-" if lease_ends is None else local_date_time(lease_ends, zone),
            client["vlan"],
            say("blocked") if client["blocked"] else client["uplink"] or "-",
            _format_rate(client["upload_bps"]),
            _format_rate(client["download_bps"]),
            _flows_cell(client, language),
        )
    return sheet


def _address_cell(client: ClientStatus, language: Language) -> str:
    """The address; with a remark where it is of another network."""
    if not client["foreign_address"]:
        return client["address"]
    return translate(
        language,
        "{address}: not of {vlan}, set it to DHCP",
        address=client["address"],
        vlan=client["vlan"],
    )


def _flows_cell(client: ClientStatus, language: Language) -> Text:
    """How many connections, and a word where that is as many as it may have."""
    count = "?" if client["connections"] is None else str(client["connections"])
    match client["bound"]:
        case BoundState.AT:
            return Text(f"{count}, {translate(language, 'at its bound')}", style=BAD_STYLE)
        case BoundState.NEAR:
            return Text(f"{count}, {translate(language, 'near its bound')}", style=FAIR_STYLE)
        case _:
            return Text(count)


def _format_rate(bps: int | None) -> str:
    return "?" if bps is None else format_rate(bps)
