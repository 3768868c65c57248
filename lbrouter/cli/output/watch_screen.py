"""One screen that is read from two metres: who carries what, what is wrong, what happened last.

Line by line, so that it is known what fits: what matters most keeps its place on a small screen.
"""

import textwrap
from collections.abc import Collection, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from lbrouter.cli.output import banner_font
from lbrouter.cli.output.watch_tables import ALARM, Block, Look, uplinks, vlans
from lbrouter.compile.report.incident_text import sentence
from lbrouter.compile.report.status import PolicyStatus, Status
from lbrouter.daemon.control.queries import Screen
from lbrouter.model.health import UplinkState
from lbrouter.model.timeline import Story

STORY_LINES: Final = 3

PUT_RIGHT: Final = "put right: "
"""What comes before this in the text of a repair is the same each time."""

TROUBLED: Final = frozenset({UplinkState.DOWN, UplinkState.DEGRADED, UplinkState.WAITING})

GOOD, FAIR, BAD = "bold green", "bold yellow", "bold red"


def draw(screen: Screen, look: Look) -> RenderableType:
    """The whole screen."""
    status = screen["status"]
    top = [*_heading(screen, look), *_alarms(status, look)]
    lines = uplinks(status["uplinks"], screen["minute"], look)
    networks = vlans(status["vlans"], look)
    foot = [*_stories(screen, look), *_repairs(screen, look)]
    spare = look.height - len(top) - len(lines) - len(networks) - len(foot)
    policies = _policies(status, look, spare)
    spare -= len(policies)
    if spare < 0:
        networks = _shortened(networks, len(networks) + spare, look)
    return Group(*_spread([top, policies, lines, networks, foot], spare))


def _spread(blocks: list[Block], spare: int) -> Iterator[Text]:
    """The blocks below each other, with a free line between where there is one to spare."""
    for number, block in enumerate(filter(None, blocks)):
        if number and spare > 0:
            spare -= 1
            yield Text()
        yield from block


def _shortened(block: Block, lines: int, look: Look) -> Block:
    lines = max(lines, 2)
    more = look.say("and {count} more", count=len(block) - lines + 1)
    return [*block[: lines - 1], Text(more, style="dim")] if len(block) > lines else block


def _heading(screen: Screen, look: Look) -> Iterator[Text]:
    name, now = screen["status"]["gateway"].upper(), look.clock(screen["at"])
    yield Text(f" {name}{now:>{max(1, look.width - len(name) - 2)}} ", style="bold reverse")


def _alarms(status: Status, look: Look) -> Iterator[Text]:
    """What must not be overlooked, across the whole width."""
    if look.alarm:
        yield _across(look.alarm, ALARM, look)
    if not status["applied"]:
        nothing = look.say("NOTHING IS APPLIED: the kernel holds nothing of ours")
        yield _across(nothing, ALARM, look)
    left = status["pending_confirm_s"]
    if left is not None:
        text = "ON TRIAL: undone in {seconds} s unless somebody confirms (lbrouter confirm)"
        yield _across(look.say(text, seconds=left), "bold black on yellow", look)


def _across(text: str, style: str, look: Look) -> Text:
    return Text(f" {text:<{look.width - 1}}"[: look.width], style=style)


def _policies(status: Status, look: Look, spare: int) -> Block:
    """Each policy with the uplinks that carry it: as large as there is room for all of them."""
    policies = status["policies"]
    big = {name: f"{name} > {_way(each, look)}" for name, each in policies.items()}
    size = _size(big.values(), spare, look)
    if size:
        return [line for name in policies for line in _big(big[name], size, status, name, look)]
    widest = max(map(len, policies), default=0)
    return [_banner(name, widest, status, look) for name in policies]


def _size(texts: Collection[str], spare: int, look: Look) -> int:
    """How large the letters can be for all to fit: double, single, or 0 for plain lines."""
    widest = max(map(banner_font.width, texts), default=0)
    sizes = (banner_font.DOUBLE, 1) if look.glyphs.big else ()
    for size in sizes:
        if spare >= size * banner_font.HEIGHT * len(texts) and widest * size < look.width:
            return size
    return 0


def _big(text: str, size: int, status: Status, name: str, look: Look) -> Iterator[Text]:
    """Shares and pin in small letters at the end of the middle line, if they fit."""
    style = _style(status["policies"][name], status)
    draw = banner_font.lines if size == 1 else banner_font.large_lines
    for number, line in enumerate(draw(text)):
        drawn = Text(f" {line}", style=style)
        note = _note(status["policies"][name], look)
        if number == size and note and len(line) + len(note) + 4 < look.width:
            drawn.append(f"   {note}")
        yield drawn


def _banner(name: str, widest: int, status: Status, look: Look) -> Text:
    """One line across the screen, in reverse."""
    policy = status["policies"][name]
    text = f"{name.upper():<{widest}}  {look.glyphs.arrow}  {_way(policy, look).upper()}"
    note = _note(policy, look)
    return _across(f"{text}   {note}" if note else text, f"{_style(policy, status)} reverse", look)


def _way(policy: PolicyStatus, look: Look) -> str:
    return "+".join(policy["active"]) or look.say("nobody")


def _note(policy: PolicyStatus, look: Look) -> str:
    """Shares where there are several, and whether somebody pinned it."""
    several = len(policy["shares"]) > 1
    parts = [f"{share} %" for share in policy["shares"].values()] if several else []
    pinned = [look.say("pinned")] if policy["pinned"] else []
    return "  ".join([" : ".join(parts), *pinned]).strip()


def _style(policy: PolicyStatus, status: Status) -> str:
    """Green as planned; yellow on another uplink, or with one too few; red without any."""
    if not policy["active"]:
        return BAD
    if policy["mode"] == "failover":
        return GOOD if policy["active"][:1] == policy["uplinks"][:1] else FAIR
    states = {status["uplinks"][name]["state"] for name in policy["uplinks"]}
    return FAIR if states & TROUBLED else GOOD


def _stories(screen: Screen, look: Look) -> Iterator[Text]:
    for story in screen["stories"]:
        yield from _story(story, look)
    if not screen["stories"]:
        yield Text(look.say("no incident yet"), style="dim")


def _story(story: Story, look: Look) -> Iterator[Text]:
    now = story["over"] is None
    title = "incident {number}, now" if now else "last incident ({number})"
    text = f"{look.say(title, number=story['incident'])}: "
    text += sentence(story, look.language, look.zone)
    for line in textwrap.wrap(text, look.width - 1, max_lines=STORY_LINES, placeholder=" ..."):
        yield Text(line, style="bold yellow" if now else "bold")


def _repairs(screen: Screen, look: Look) -> Iterator[Text]:
    repair = screen["repair"]
    if repair is None:
        text = look.say("repairs: none")
    else:
        known = {"count": screen["repairs"], "at": look.clock(repair["at"])}
        what = repair["text"].partition(PUT_RIGHT)[2] or repair["text"]
        text = look.say("repairs: {count}, the last at {at}: {what}", **known, what=what)
    leave = look.say("Ctrl-C leaves")
    room = look.width - len(leave) - 3
    yield Text(f"{text[:room]:<{room}}   {leave}", style="dim")
