"""One screen that is read from two metres: who carries what, what is wrong, what happened last.

Line by line, so that it is known what fits: what matters most keeps its place on a small screen.
"""

import textwrap
from collections.abc import Collection, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from lbrouter.cli.output import banner_font
from lbrouter.cli.output.kernel_truth import unverified_kernel
from lbrouter.cli.output.watch_tables import (
    ALARM_STYLE,
    DisplayContext,
    TextBlock,
    uplink_block,
    vlan_block,
)
from lbrouter.compile.report.i18n import event_text, translate_reason
from lbrouter.compile.report.incident_text import incident_sentence
from lbrouter.compile.report.status_types import PolicyStatus, Status
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, GOOD_STYLE
from lbrouter.daemon.control.queries import WatchDocument
from lbrouter.model.health import UplinkState

MAX_INCIDENT_LINES: Final = 3

REPAIR_TEXT_PREFIX: Final = "restored: "
"""What comes before this in the text of a repair is the same each time."""

IMPAIRED_STATES: Final = frozenset({UplinkState.DOWN, UplinkState.DEGRADED, UplinkState.WAITING})


def draw_screen(screen: WatchDocument, display: DisplayContext) -> RenderableType:
    """The whole screen."""
    status = screen["status"]
    gateway = status["gateway"].upper()
    now = f"{display.local_time(screen['at'])} {display.zone_name(screen['at'])}".rstrip()
    heading = f" {gateway}{now:>{max(1, display.width - len(gateway) - 2)}} "
    top = [Text(heading, style="bold reverse"), *_alarm_lines(status, display)]
    lines = uplink_block(status["uplinks"], screen["minute"], display)
    networks = vlan_block(status["vlans"], display)
    foot = [*_incident_block(screen, display), *_repair_line(screen, display)]
    spare = display.height - len(top) - len(lines) - len(networks) - len(foot)
    policies = _policy_block(status, display, spare)
    spare -= len(policies)
    if spare < 0:
        networks = _shorten_block(networks, len(networks) + spare, display)
    return Group(*_stack_blocks([top, policies, lines, networks, foot], spare))


def _stack_blocks(blocks: list[TextBlock], spare: int) -> Iterator[Text]:
    """The blocks below each other, with a free line between where there is one to spare."""
    for number, block in enumerate(filter(None, blocks)):
        if number and spare > 0:
            spare -= 1
            yield Text()
        yield from block


def _shorten_block(block: TextBlock, lines: int, display: DisplayContext) -> TextBlock:
    lines = max(lines, 2)
    more = display.translate("and {count} more", count=len(block) - lines + 1)
    return [*block[: lines - 1], Text(more, style="dim")] if len(block) > lines else block


def _alarm_lines(status: Status, display: DisplayContext) -> Iterator[Text]:
    """What must not be overlooked, across the whole width."""
    if display.alarm:
        yield _full_width_line(display.alarm, ALARM_STYLE, display)
    if not status["applied"]:
        nothing = display.translate("NOTHING IS APPLIED: the kernel has no settings of lbrouter")
        yield _full_width_line(nothing, ALARM_STYLE, display)
    unverified = unverified_kernel(status)
    if unverified is not None:
        text = "THE KERNEL DIFFERS FROM THE CONFIGURATION since {since}"
        since = display.local_time(unverified["since"])
        reason = translate_reason(display.language, unverified)
        yield _full_width_line(display.translate(text, since=since), ALARM_STYLE, display)
        yield _full_width_line(reason, ALARM_STYLE, display)
    if status["rejected_file"]:
        rejected = display.translate("the file on disk is not applied: it was rolled back")
        yield _full_width_line(rejected, "bold black on yellow", display)
    left = status["pending_confirm_s"]
    if left is not None:
        text = "NOT CONFIRMED: undone in {seconds} s unless you run lbrouter confirm"
        yield _full_width_line(
            display.translate(text, seconds=left), "bold black on yellow", display
        )


def _full_width_line(text: str, style: str, display: DisplayContext) -> Text:
    return Text(f" {text:<{display.width - 1}}"[: display.width], style=style)


def _policy_block(status: Status, display: DisplayContext, spare: int) -> TextBlock:
    """Each policy with the uplinks that carry it: as large as there is room for all of them."""
    policies = status["policies"]
    big = {
        name: f"{name} > {_active_uplinks_text(policy, display)}"
        for name, policy in policies.items()
    }
    size = _letter_scale(big.values(), spare, display)
    if size:
        return [
            line
            for name in policies
            for line in _policy_banner_lines(big[name], size, status, name, display)
        ]
    widest = max(map(len, policies), default=0)
    return [_policy_line(name, widest, status, display) for name in policies]


def _letter_scale(texts: Collection[str], spare: int, display: DisplayContext) -> int:
    """How large the letters can be for all to fit: double, single, or 0 for plain lines."""
    widest = max(map(banner_font.banner_width, texts), default=0)
    sizes = (banner_font.LARGE_LETTER_SCALE, 1) if display.glyphs.big else ()
    for size in sizes:
        if (
            spare >= size * banner_font.LETTER_HEIGHT_LINES * len(texts)
            and widest * size < display.width
        ):
            return size
    return 0


def _policy_banner_lines(
    text: str, size: int, status: Status, name: str, display: DisplayContext
) -> Iterator[Text]:
    """Shares and pin in small letters at the end of the middle line, if they fit."""
    style = _policy_style(status["policies"][name], status)
    draw = banner_font.banner_lines if size == 1 else banner_font.large_banner_lines
    for number, line in enumerate(draw(text)):
        drawn = Text(f" {line}", style=style)
        note = _policy_note(status["policies"][name], display)
        if number == size and note and len(line) + len(note) + 4 < display.width:
            drawn.append(f"   {note}")
        yield drawn


def _policy_line(name: str, widest: int, status: Status, display: DisplayContext) -> Text:
    """One line across the screen, in reverse."""
    policy = status["policies"][name]
    text = (
        f"{name.upper():<{widest}}"
        f"  {display.glyphs.arrow}  {_active_uplinks_text(policy, display).upper()}"
    )
    note = _policy_note(policy, display)
    return _full_width_line(
        f"{text}   {note}" if note else text, f"{_policy_style(policy, status)} reverse", display
    )


def _active_uplinks_text(policy: PolicyStatus, display: DisplayContext) -> str:
    return "+".join(policy["active"]) or display.translate("no uplink")


def _policy_note(policy: PolicyStatus, display: DisplayContext) -> str:
    """Shares where there are several, and whether it is pinned."""
    several = len(policy["shares"]) > 1
    parts = [f"{share} %" for share in policy["shares"].values()] if several else []
    pinned = [display.translate("pinned")] if policy["pinned"] else []
    return "  ".join([" : ".join(parts), *pinned]).strip()


def _policy_style(policy: PolicyStatus, status: Status) -> str:
    """Green as planned; yellow on another uplink, or with one too few; red without any."""
    if not policy["active"]:
        return BAD_STYLE
    if policy["mode"] == "failover":
        first = policy["active"][:1] == policy["uplinks"][:1]
        return f"bold {GOOD_STYLE if first else FAIR_STYLE}"
    states = {status["uplinks"][name]["state"] for name in policy["uplinks"]}
    return f"bold {FAIR_STYLE if states & IMPAIRED_STATES else GOOD_STYLE}"


def _incident_block(screen: WatchDocument, display: DisplayContext) -> Iterator[Text]:
    for story in screen["stories"]:
        now = story["over"] is None
        title = "incident {number}, now" if now else "last incident ({number})"
        text = f"{display.translate(title, number=story['incident'])}: "
        text += incident_sentence(story, display.language, display.zone)
        for line in textwrap.wrap(
            text, display.width - 1, max_lines=MAX_INCIDENT_LINES, placeholder=" ..."
        ):
            yield Text(line, style="bold yellow" if now else "bold")
    if not screen["stories"]:
        yield Text(display.translate("no incident yet"), style="dim")


def _repair_line(screen: WatchDocument, display: DisplayContext) -> Iterator[Text]:
    repair = screen["repair"]
    if repair is None:
        text = display.translate("repairs: none")
    else:
        known = {"count": screen["repairs"], "at": display.local_time(repair["at"])}
        said, prefix = event_text(display.language, repair), display.translate(REPAIR_TEXT_PREFIX)
        what = said.partition(prefix)[2] or said
        text = display.translate("repairs: {count}, the last at {at}: {what}", **known, what=what)
    leave = display.translate("Ctrl-C leaves")
    room = display.width - len(leave) - 3
    yield Text(f"{text[:room]:<{room}}   {leave}", style="dim")
