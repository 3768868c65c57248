"""`lbrouter status`: uplinks, policies and VLANs at a glance, from the daemon or off the kernel."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from lbrouter.cli.daemon_request import status_from_daemon
from lbrouter.cli.output.console import console
from lbrouter.cli.output.daemon_note import NO_DAEMON_NOTE
from lbrouter.cli.output.kernel_truth import unverified_kernel
from lbrouter.cli.output.lane_tables import lane_table
from lbrouter.cli.output.render import print_diagnostics, print_json
from lbrouter.cli.output.round_trip import round_trip_ms
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.clock import local_time, zone_name, zone_of_key
from lbrouter.compile.report.i18n import direction_text, translate, translate_reason
from lbrouter.compile.report.status_types import DnsmasqStatus, Status, VlanStatus
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, state_style
from lbrouter.compile.services.pool_usage import nearly_full_warnings
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.errors import ExitCode
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from lbrouter.model.messages.figures import format_rate

NOT_APPLIED_TEXT = "not applied: the kernel has no settings of lbrouter"
AT_BUDGET_TEXT = "all its connections are in use"
NEAR_BUDGET_TEXT = "over 80 % of its connections are in use"
BOUND_TEXTS = {"at": "at its bound", "near": "near its bound"}
MAX_BOUND_CLIENTS_SHOWN = 3
UNDONE_TEXT = "undone in {seconds} s unless confirmed"
KERNEL_WRONG_TEXT = "THE KERNEL DIFFERS FROM THE CONFIGURATION, since {since}"
REJECTED_FILE_NOTE = (
    "the file on disk is not applied: it was rolled back. Change it, or run `lbrouter apply` again"
)
UNAPPLIED_FILE_NOTE = (
    "the file on disk is not in force: it was not applied. `lbrouter plan` shows the difference"
)


def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Update the screen until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> int:
    """Show the state of uplinks, policies and VLANs."""
    settings = settings_of(context, json=json)
    if watch:
        from lbrouter.cli.commands.watch import show_screens  # noqa: PLC0415  -- a look can spare it

        return show_screens(settings, screen_language())
    return _print_status(settings, screen_language())


def _print_status(settings: CommandSettings, language: Language) -> int:
    """The document of the contract, section 3, or tables made of it."""
    composed = status_from_daemon(settings)
    if composed is None:
        from lbrouter.cli.without_daemon import read_status  # noqa: PLC0415  -- 400 ms to load

        composed = read_status(settings)
    if settings.json:
        print_json(composed)
    else:
        console().print(status_tables(composed, zone_of_key(composed.get("timezone")), language))
    print_diagnostics("warning", _service_warnings(composed.get("services", {})))
    if not composed["daemon"]:
        print_diagnostics(translate(language, "note"), (translate(language, NO_DAEMON_NOTE),))
    return ExitCode.DONE if unverified_kernel(composed) is None else ExitCode.CHECK_FAILED


def _service_warnings(services: Mapping[str, DnsmasqStatus]) -> tuple[str, ...]:
    """What `status` warns of. A daemon of an earlier release sends no services."""
    if not services:
        return ()
    server = services["dnsmasq"]
    stopped = server["state"] == "stopped"
    word = ("dnsmasq does not run; `lbrouter apply` starts it",) if stopped else ()
    return (*word, *nearly_full_warnings(server["pools"]))


def status_tables(
    composed: Status, zone: tzinfo | None, language: Language = Language.EN
) -> RenderableType:
    """The document as tables; times are in `zone`, which the heading names."""
    say = partial(translate, language)
    applied = say("applied") if composed["applied"] else say(NOT_APPLIED_TEXT)
    daemon = say("daemon runs") if composed["daemon"] else say("no daemon")
    now = utc_timestamp()
    clock = f"{local_time(now, zone)} {zone_name(now, zone)}".rstrip()
    heading = Text.assemble((composed["gateway"], "bold"), f"  {applied}, {daemon}  {clock}")
    left = composed["pending_confirm_s"]
    if left is not None:
        heading.append("  " + say(UNDONE_TEXT, seconds=left), f"bold {FAIR_STYLE}")
    if composed["rejected_file"]:
        heading.append(f"\n{say(REJECTED_FILE_NOTE)}", f"bold {FAIR_STYLE}")
    elif composed["unapplied_file"]:
        heading.append(f"\n{say(UNAPPLIED_FILE_NOTE)}", f"bold {FAIR_STYLE}")
    alarm = unverified_kernel(composed)
    if alarm is not None:
        wrong = say(KERNEL_WRONG_TEXT, since=local_time(alarm["since"], zone))
        heading.append(f"\n{wrong}:\n  {translate_reason(language, alarm)}", BAD_STYLE)
    say = partial(translate, language)
    sheet = ResponsiveTable(say("policy"), say("mode"), say("new flows go by"))
    for name, policy in composed["policies"].items():
        shares = ", ".join(f"{uplink} {share} %" for uplink, share in policy["shares"].items())
        pin = policy["pinned"]
        pinned = f" ({say('pinned to {uplink}', uplink=pin)})" if pin else ""
        nothing = Text(say("no uplink: unreachable"), style=BAD_STYLE)
        sheet.add_row(name, policy["mode"], Text(shares + pinned) if shares else nothing)
    tables = (
        _uplink_table(composed, zone, language),
        lane_table(composed, language),
        sheet,
        _vlan_table(composed["vlans"], language),
    )
    return Group(heading, *(part for table in tables if table for part in (Text(), table)))


def _uplink_table(composed: Status, zone: tzinfo | None, language: Language) -> ResponsiveTable:
    say = partial(translate, language)
    interface, address, gateway = say("interface"), say("address"), say("gateway")
    sheet = ResponsiveTable(
        *(say("uplink"), say("state"), interface, address, gateway),
        *(
            "rtt",
            say("loss"),
            direction_text(language, "up"),
            direction_text(language, "down"),
            say("flows"),
            "",
        ),
        overflow=(interface, address, gateway, ""),
    )
    for name, uplink in composed["uplinks"].items():
        flows = uplink["connections"]
        # The reason; of a line that is not up, since when as well.
        reason = translate_reason(language, uplink)
        if uplink["state"] == UplinkState.UP or not composed["daemon"]:
            reason_text = reason
        else:
            since = local_time(uplink["since"], zone)
            reason_text = translate(language, "since {since}: {reason}", since=since, reason=reason)
        sheet.add_row(
            name,
            Text(say(uplink["state"]), style=state_style(uplink["state"])),
            uplink["interface"],
            _first_or_dash(uplink["address"], uplink["address6"]),
            _first_or_dash(uplink["gateway"], uplink["gateway6"]),
            _format_measured(round_trip_ms(uplink), "ms"),
            _format_measured(uplink["loss_percent"], "%"),
            format_rate(uplink["upload_bps"]),
            format_rate(uplink["download_bps"]),
            "?" if flows is None else str(flows),
            reason_text,
        )
    return sheet


def _vlan_table(vlans: dict[str, VlanStatus], language: Language) -> ResponsiveTable:
    say = partial(translate, language)
    interface, policy = say("interface"), say("policy")
    sheet = ResponsiveTable(
        *(
            say("VLAN"),
            interface,
            policy,
            direction_text(language, "up"),
            direction_text(language, "down"),
        ),
        *(say("guaranteed up"), say("guaranteed down"), ""),
        overflow=(interface, policy, ""),
    )
    for name, vlan in vlans.items():
        found = vlan["other_dhcp_servers"]
        others = ", ".join(f"{server['address']} ({server['mac']})" for server in found)
        servers = translate(language, "another DHCP server: {servers}", servers=others)
        reason, limit = translate_reason(language, vlan), _limit_text(vlan, language)
        sheet.add_row(
            name,
            vlan["interface"],
            vlan["policy"],
            format_rate(vlan["upload_bps"]),
            format_rate(vlan["download_bps"]),
            _guarantee_cell(vlan["guaranteed_upload_bps"], vlan["short_upload_bps"], language),
            _guarantee_cell(vlan["guaranteed_download_bps"], vlan["short_download_bps"], language),
            Text(
                "; ".join(
                    filter(
                        None,
                        (reason, limit, servers if others else "", *_bound_texts(vlan, language)),
                    )
                ),
                style=FAIR_STYLE,
            ),
        )
    return sheet


def _guarantee_cell(promised: int, missing: int, language: Language) -> Text:
    if not promised:
        return Text("-")
    if not missing:
        return Text(format_rate(promised))
    short = translate(language, "{rate} short", rate=format_rate(missing))
    return Text(f"{format_rate(promised)}, {short}", style=BAD_STYLE)


def _bound_texts(vlan: VlanStatus, language: Language) -> Iterator[str]:
    """That the VLAN, or clients of it, have as many connections as they may have, or nearly."""
    say = partial(translate, language)
    if vlan["bound"] is not None:
        is_at = vlan["bound"] == BoundState.AT
        yield say(AT_BUDGET_TEXT) if is_at else say(NEAR_BUDGET_TEXT)
    names = [
        f"{client['name'] or client['mac']} ({say(BOUND_TEXTS[client['bound']])})"
        for client in vlan["bound_clients"][:MAX_BOUND_CLIENTS_SHOWN]
    ]
    more = len(vlan["bound_clients"]) - len(names)
    yield ", ".join(names) + (f" +{more}" if more else "")


def _limit_text(vlan: VlanStatus, language: Language) -> str:
    """An operator's limit: "limited to 5.0 Mbit/s up, 5.0 Mbit/s down, 540 s left"."""
    held = {way: limit for way, limit in (vlan["limit"] or {}).items() if limit is not None}
    if not held:
        return ""
    words = {
        "upload": direction_text(language, "up"),
        "download": direction_text(language, "down"),
    }
    rates = ", ".join(
        f"{format_rate(limit['rate_bps'])} {words[way]}" for way, limit in held.items()
    )
    ends = [limit["ends_in_s"] for limit in held.values() if limit["ends_in_s"] is not None]
    if not ends:
        return translate(language, "limited to {rates}", rates=rates)
    return translate(language, "limited to {rates}, {left} s left", rates=rates, left=min(ends))


def _first_or_dash(first: str | None, second: str | None) -> str:
    return first or second or "-"


def _format_measured(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
