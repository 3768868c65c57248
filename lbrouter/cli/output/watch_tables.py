"""The tables of the screen: uplinks with a minute of history, VLANs with their guarantees."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from rich.text import Text

from lbrouter.cli.output.sparkline import STYLES, Glyphs, bar, loss_line, mbit, rtt_line
from lbrouter.compile.report.i18n import reason, say
from lbrouter.compile.report.incident_text import clock
from lbrouter.compile.report.status import UplinkStatus, VlanStatus
from lbrouter.daemon.metrics.last_minute import Second
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language

WIDE: Final = 116
"""From this width on there is room for the round trips of a minute as well."""

ALARM: Final = "bold white on red"

Block = list[Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How it is drawn: the size in characters, the reader's language and clock, the terminal."""

    width: int
    height: int
    language: Language
    zone: tzinfo | None
    glyphs: Glyphs
    alarm: str = ""
    """What is wrong with looking itself: no daemon, say."""

    def say(self, text: str, **values: object) -> str:
        """`text` in the reader's language."""
        return say(self.language, text, **values)

    def clock(self, at: str) -> str:
        """A moment on the reader's clock."""
        return clock(at, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Widths of the table of uplinks."""

    name: int
    state: int
    loss: int = 6
    rtt: int = 8
    rate: int
    minute: int
    wide: bool


def _columns(uplinks: dict[str, UplinkStatus], look: Look) -> Columns:
    name = min(12, max(map(len, [*uplinks, look.say("uplink")]))) + 1
    state = max(len(look.say(str(each))) for each in UplinkState) + 1
    wide = look.width >= WIDE
    rate = 24 if wide else 16
    rest = look.width - name - state - 14 - 2 * rate - 1
    minute = min(60, rest // 2 - 1 if wide else rest)
    return Columns(name=name, state=state, rate=rate, minute=max(minute, 1), wide=wide)


def uplinks(found: dict[str, UplinkStatus], minutes: dict[str, list[Second]], look: Look) -> Block:
    """A line for each uplink; one that is not up says why in a second one."""
    columns = _columns(found, look)
    rows = [_uplink_heading(columns, look)]
    for name, uplink in found.items():
        rows.append(_uplink(name, uplink, minutes.get(name, []), columns, look))
        if uplink["state"] != UplinkState.UP:
            why = f"  {look.clock(uplink['since'])}  {reason(look.language, uplink['reason'])}"
            rows.append(Text(why[: look.width], style=STYLES[UplinkState(uplink["state"])]))
    return rows


def _uplink_heading(columns: Columns, look: Look) -> Text:
    text = (
        f"{look.say('uplink'):<{columns.name}}{look.say('state'):<{columns.state}}"
        f"{look.say('loss'):>{columns.loss}}{look.say('RTT'):>{columns.rtt}}"
        f" {look.say('upload Mbit/s'):<{columns.rate}}{look.say('download Mbit/s'):<{columns.rate}}"
        f"{look.say('loss 1 min'):>{columns.minute}}"
    )
    wide = f"  {look.say('RTT 1 min'):>{columns.minute}}" if columns.wide else ""
    return Text((text + wide)[: look.width], style="dim")


def _uplink(
    name: str, uplink: UplinkStatus, minute: list[Second], columns: Columns, look: Look
) -> Text:
    style = STYLES[UplinkState(uplink["state"])]
    line = Text(f"{name[:12]:<{columns.name}}", style="bold")
    line.append(f"{look.say(uplink['state']).upper():<{columns.state}}", style=f"bold {style}")
    line.append(_measured(uplink["loss_percent"], "%").rjust(columns.loss), style=style)
    line.append(_measured(uplink["rtt_ms"], "ms").rjust(columns.rtt) + " ")
    ways = ("upload", "download")
    pairs = [(uplink[f"{w}_bps"], uplink[f"{w}_capacity_bps"]) for w in ways]  # type: ignore[literal-required]
    for used, capacity in pairs:
        line.append(_load(used, capacity, columns.rate, look))
    line.append(loss_line(minute, columns.minute, look.glyphs))
    if columns.wide:
        line.append("  ").append(rtt_line(minute, columns.minute, look.glyphs))
    return line


def _measured(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} {unit}" if 0 < value < 9.95 else f"{value:.0f} {unit}"


def _load(used: int, capacity: int | None, width: int, look: Look) -> Text:
    """A rate, what the line carries, and a bar of both; yellow where the line is full."""
    if capacity is None:
        return Text(f"{mbit(used):>4}".ljust(width))
    share = used / capacity
    numbers = f"{mbit(used):>4}/{mbit(capacity):<4} "
    style = "yellow" if share >= 0.9 else ""
    return Text(f"{numbers}{bar(share, width - len(numbers) - 1, look.glyphs)} ", style=style)


def vlans(found: dict[str, VlanStatus], look: Look) -> Block:
    """A line for each VLAN; what it lacks, a port or a part of its guarantee, stands below."""
    name = min(12, max(map(len, [*found, "VLAN"]))) + 1
    policy = (
        min(12, max(map(len, [*(v["policy"] for v in found.values()), look.say("policy")]))) + 1
    )
    rate = (look.width - name - policy) // 2
    heading = (
        f"{look.say('VLAN'):<{name}}{look.say('policy'):<{policy}}"
        f"{look.say('up / guaranteed'):<{rate}}{look.say('down / guaranteed'):<{rate}}"
    )
    rows = [row for n, vlan in found.items() for row in _vlan(n, vlan, (name, policy, rate), look)]
    return [Text(heading, style="dim"), *rows] if found else []


def _vlan(name: str, vlan: VlanStatus, widths: tuple[int, int, int], look: Look) -> Iterator[Text]:
    wide, policy, rate = widths
    line = Text(f"{name[:12]:<{wide}}", style="bold").append(
        f"{vlan['policy'][:12]:<{policy}}", style="not bold"
    )
    line.append(_guarded(vlan["upload_bps"], vlan["guaranteed_upload_bps"], rate, look))
    line.append(_guarded(vlan["download_bps"], vlan["guaranteed_download_bps"], rate, look))
    yield line
    if vlan["reason"]:
        yield Text(f"  {reason(look.language, vlan['reason'])} ", style=ALARM)
    for text, missing in (
        ("SHORT: {missing} Mbit/s of upload missing", vlan["short_upload_bps"]),
        ("SHORT: {missing} Mbit/s of download missing", vlan["short_download_bps"]),
    ):
        if missing:
            yield Text(f"  {look.say(text, missing=mbit(missing))} ", style=ALARM)


def _guarded(used: int, guaranteed: int, width: int, look: Look) -> Text:
    """A rate beside its guarantee."""
    if not guaranteed:
        return Text(f"{mbit(used):>4} / -".ljust(width), style="not bold")
    numbers = f"{mbit(used):>4} / {mbit(guaranteed):<4} "
    length = min(width - len(numbers) - 2, 24)
    drawn = f"{numbers}{bar(used / guaranteed, length, look.glyphs)}"
    return Text(drawn.ljust(width), style="not bold")
