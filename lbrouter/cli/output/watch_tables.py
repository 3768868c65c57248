"""The tables of the screen: uplinks with a minute of history, VLANs with their guarantees."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from rich.text import Text

from lbrouter.cli.output.lane_tables import is_to_be_explained, lane_rows
from lbrouter.cli.output.round_trip import round_trip_ms
from lbrouter.cli.output.sparkline import (
    TerminalGlyphs,
    format_mbit,
    loss_sparkline,
    rate_bar,
    rtt_sparkline,
)
from lbrouter.compile.report.clock import local_time, zone_name
from lbrouter.compile.report.i18n import translate, translate_reason
from lbrouter.compile.report.status_types import UplinkStatus, VlanStatus
from lbrouter.compile.report.styles import STATE_STYLES, state_style
from lbrouter.daemon.metrics.last_minute import UplinkSecond
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language

WIDE_SCREEN_COLUMNS: Final = 116
"""From this width on there is room for the round trips of a minute as well."""

ALARM_STYLE: Final = "bold white on red"

TextBlock = list[Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayContext:
    """How it is drawn: the size in characters, the reader's language and clock, the terminal."""

    width: int
    height: int
    language: Language
    zone: tzinfo | None
    glyphs: TerminalGlyphs
    alarm: str = ""
    """What is wrong with looking itself: no daemon, say."""

    def translate(self, text: str, **values: object) -> str:
        """`text` in the reader's language."""
        return translate(self.language, text, **values)

    def zone_name(self, at: str) -> str:
        """What the reader's zone is called at that moment."""
        return zone_name(at, self.zone)

    def local_time(self, at: str) -> str:
        """A moment on the reader's clock."""
        return local_time(at, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkColumns:
    """Widths of the table of uplinks."""

    name: int
    state: int
    loss: int = 6
    rtt: int = 8
    rate: int
    minute: int
    wide: bool


def _uplink_columns(uplinks: dict[str, UplinkStatus], display: DisplayContext) -> UplinkColumns:
    name = min(12, max(map(len, [*uplinks, display.translate("uplink")]))) + 1
    state = max(len(display.translate(style)) for style in STATE_STYLES) + 1
    wide = display.width >= WIDE_SCREEN_COLUMNS
    rate = 24 if wide else 16
    rest = display.width - name - state - 14 - 2 * rate - 1
    minute = min(60, rest // 2 - 1 if wide else rest)
    return UplinkColumns(name=name, state=state, rate=rate, minute=max(minute, 1), wide=wide)


def uplink_block(
    uplinks: dict[str, UplinkStatus],
    minutes: dict[str, list[UplinkSecond]],
    display: DisplayContext,
) -> TextBlock:
    """A line for each uplink; one that is not up says why in a second one."""
    columns = _uplink_columns(uplinks, display)
    text = (
        f"{display.translate('uplink'):<{columns.name}}{display.translate('state'):<{columns.state}}"
        f"{display.translate('loss'):>{columns.loss}}{display.translate('RTT'):>{columns.rtt}}"
        f" {display.translate('upload Mbit/s'):<{columns.rate}}"
        f"{display.translate('download Mbit/s'):<{columns.rate}}"
        f"{display.translate('loss 1 min'):>{columns.minute}}"
    )
    wide = f"  {display.translate('RTT 1 min'):>{columns.minute}}" if columns.wide else ""
    rows = [Text((text + wide)[: display.width], style="dim")]
    for name, uplink in uplinks.items():
        rows.append(_uplink_line(name, uplink, minutes.get(name, []), columns, display))
        rows.extend(lane_rows(uplink, display.language, display.width))
        if uplink["state"] != UplinkState.UP or is_to_be_explained(uplink):
            why = (
                f"  {display.local_time(uplink['since'])}"
                f"  {translate_reason(display.language, uplink)}"
            )
            rows.append(Text(why[: display.width], style=state_style(uplink["state"])))
    return rows


def _uplink_line(
    name: str,
    uplink: UplinkStatus,
    minute: list[UplinkSecond],
    columns: UplinkColumns,
    display: DisplayContext,
) -> Text:
    style = state_style(uplink["state"])
    line = Text(f"{name[:12]:<{columns.name}}", style="bold")
    line.append(
        f"{display.translate(uplink['state']).upper():<{columns.state}}", style=f"bold {style}"
    )
    line.append(_format_measured(uplink["loss_percent"], "%").rjust(columns.loss), style=style)
    line.append(_format_measured(round_trip_ms(uplink), "ms").rjust(columns.rtt) + " ")
    ways = ("upload", "download")
    pairs = [(uplink[f"{w}_bps"], uplink[f"{w}_capacity_bps"]) for w in ways]  # type: ignore[literal-required]
    for used, capacity in pairs:
        # A rate, what the line carries, and a bar of both; yellow where the line is full.
        if capacity is None:
            rate_cell = Text(f"{format_mbit(used):>4}".ljust(columns.rate))
        else:
            share = used / capacity
            numbers = f"{format_mbit(used):>4}/{format_mbit(capacity):<4} "
            style = "yellow" if share >= 0.9 else ""
            rate_cell = Text(
                f"{numbers}{rate_bar(share, columns.rate - len(numbers) - 1, display.glyphs)} ",
                style=style,
            )
        line.append(rate_cell)
    line.append(loss_sparkline(minute, columns.minute, display.glyphs))
    if columns.wide:
        line.append("  ").append(rtt_sparkline(minute, columns.minute, display.glyphs))
    return line


def _format_measured(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} {unit}" if 0 < value < 9.95 else f"{value:.0f} {unit}"


def vlan_block(vlans: dict[str, VlanStatus], display: DisplayContext) -> TextBlock:
    """A line for each VLAN; what it lacks, a port or a part of its guarantee, stands below."""
    name = min(12, max(map(len, [*vlans, "VLAN"]))) + 1
    policy = (
        min(
            12, max(map(len, [*(v["policy"] for v in vlans.values()), display.translate("policy")]))
        )
        + 1
    )
    rate = (display.width - name - policy) // 2
    heading = (
        f"{display.translate('VLAN'):<{name}}{display.translate('policy'):<{policy}}"
        f"{display.translate('up / guaranteed'):<{rate}}"
        f"{display.translate('down / guaranteed'):<{rate}}"
    )
    rows = [
        row
        for n, vlan in vlans.items()
        for row in _vlan_lines(n, vlan, (name, policy, rate), display)
    ]
    return [Text(heading, style="dim"), *rows] if vlans else []


def _vlan_lines(
    name: str, vlan: VlanStatus, widths: tuple[int, int, int], display: DisplayContext
) -> Iterator[Text]:
    wide, policy, rate = widths
    line = Text(f"{name[:12]:<{wide}}", style="bold").append(
        f"{vlan['policy'][:12]:<{policy}}", style="not bold"
    )
    line.append(_guarantee_cell(vlan["upload_bps"], vlan["guaranteed_upload_bps"], rate, display))
    line.append(
        _guarantee_cell(vlan["download_bps"], vlan["guaranteed_download_bps"], rate, display)
    )
    yield line
    if vlan["reason"]:
        yield Text(f"  {translate_reason(display.language, vlan)} ", style=ALARM_STYLE)
    for text, missing in (
        ("SHORT: {missing} Mbit/s of upload missing", vlan["short_upload_bps"]),
        ("SHORT: {missing} Mbit/s of download missing", vlan["short_download_bps"]),
    ):
        if missing:
            yield Text(
                f"  {display.translate(text, missing=format_mbit(missing))} ", style=ALARM_STYLE
            )


def _guarantee_cell(used: int, guaranteed: int, width: int, display: DisplayContext) -> Text:
    """A rate beside its guarantee."""
    if not guaranteed:
        return Text(f"{format_mbit(used):>4} / -".ljust(width), style="not bold")
    numbers = f"{format_mbit(used):>4} / {format_mbit(guaranteed):<4} "
    length = min(width - len(numbers) - 2, 24)
    drawn = f"{numbers}{rate_bar(used / guaranteed, length, display.glyphs)}"
    return Text(drawn.ljust(width), style="not bold")
