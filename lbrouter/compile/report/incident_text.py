"""An incident in one sentence of plain language, for somebody who is asked "are we live?"."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from lbrouter.compile.report.i18n import pattern, reason, say
from lbrouter.model.language import Language
from lbrouter.model.timeline import Moved, Story

CAUSES: Final = (
    ("loss {value} > {limit} ({policy})", "{uplink} lost {value} since {since}"),
    ("latency {value} > {limit} ({policy})", "{uplink} was slow ({value}) since {since}"),
    ("jitter {value} > {limit} ({policy})", "{uplink} was unsteady ({value}) since {since}"),
    ("no carrier on {interface}", "the cable of {uplink} ({interface}) is out since {since}"),
    ("captive portal instead of {page}", "{uplink} shows a captive portal since {since}"),
    ("captive portal on {count} for {span}", "{uplink} shows a captive portal since {since}"),
    ("no answer on {count} for {span}", "{uplink} is silent since {since}"),
    ("no answer for {span}", "{uplink} is silent since {since}"),
    ("was silent", "{uplink} is silent since {since}"),
    ("no address yet ({how}) on {interface}", "{uplink} has no address since {since}"),
    ("interface {interface} is not there", "the interface of {uplink} is gone since {since}"),
)
"""How the daemon's reason begins, and how a person would say it. Tried from the first on."""

OTHER: Final = "{uplink} is in trouble since {since} ({reason})"


def sentence(story: Story, language: Language, zone: tzinfo | None = None) -> str:
    """The story in one sentence; moments as the clock on the wall in `zone` shows them."""
    return "; ".join(_parts(story, language, zone))


def clock(at: str, zone: tzinfo | None) -> str:
    """A moment of the timeline (RFC 3339) as a clock shows it: "20:14:03". Nonsense stays."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return at
    return moment.astimezone(zone).strftime("%H:%M:%S")


def _parts(story: Story, language: Language, zone: tzinfo | None) -> Iterator[str]:
    uplink = story["uplink"]
    yield _cause(story, language, zone)
    if story["falls"] > 1:
        yield say(language, "it failed {count} times", count=story["falls"])
    for move in _together(story["moved"], zone):
        yield _move(move, language, zone)
    if story["stayed"]:
        yield say(language, "{policies} stayed", policies=", ".join(story["stayed"]))
    if not story["moved"]:
        yield say(language, "nothing had to move")
    if story["over"] is not None:
        over = clock(story["over"], zone)
        yield say(language, "{uplink} is well again since {since}", uplink=uplink, since=over)


def _cause(story: Story, language: Language, zone: tzinfo | None) -> str:
    known = {"uplink": story["uplink"], "since": clock(story["since"], zone)}
    first = story["cause"].split("; ")[0]
    for begun, said in CAUSES:
        match = pattern(begun).fullmatch(first)
        if match is not None:
            return say(language, said, **match.groupdict(), **known)
    return say(language, OTHER, **known, reason=reason(language, first))


def _together(moved: list[Moved], zone: tzinfo | None) -> Iterator[Moved]:
    """Moves of the same second to the same place as one, their policies in one list."""
    groups: dict[tuple[str, str, bool], list[Moved]] = {}
    for move in moved:
        key = (clock(move["at"], zone), " + ".join(move["to"]), move["back"])
        groups.setdefault(key, []).append(move)
    for group in groups.values():
        yield {**group[0], "policy": ", ".join(each["policy"] for each in group)}


def _move(move: Moved, language: Language, zone: tzinfo | None) -> str:
    known = {"policy": move["policy"], "at": clock(move["at"], zone)}
    to = " + ".join(move["to"])
    if not to:
        return say(language, "{policy} has no uplink since {at}", **known)
    if move["back"]:
        return say(language, "{policy} is back on {to} since {at}", **known, to=to)
    return say(language, "{policy} moved to {to} at {at}", **known, to=to)
