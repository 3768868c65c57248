"""What is worth an alert, and the message that it becomes (docs/daemon.md)."""

from collections.abc import Collection, Sequence
from typing import Final, TypedDict

from lbrouter.compile.report.incident_text import sentence
from lbrouter.compile.report.incidents import stories
from lbrouter.model.alerts import AlertKind
from lbrouter.model.language import Language
from lbrouter.model.timeline import Happening, Story

VERSION: Final = 1

EVENTS_SHOWN: Final = 20
LONGEST_EVENT: Final = 500
LONGEST_TEXT: Final = 2000


class Alert(TypedDict):
    """A message: several events that came together, and what they mean, in `text`.

    `id` is the same however often the message is sent; `omitted` counts events that were left out.
    """

    version: int
    id: str
    gateway: str
    at: str
    kinds: list[str]
    text: str
    incidents: list[Story]
    events: list[Happening]
    omitted: int


def kind_of(event: Happening) -> AlertKind | None:
    """What an event would be an alert about; None for what never is one."""
    word = event["more"].get("after") if event["kind"] == "uplink" else event["kind"]
    return AlertKind(str(word)) if word in set(AlertKind) else None


def alert(
    events: Sequence[Happening],
    timeline: Sequence[Happening],
    *,
    gateway: str,
    identity: str,
    language: Language,
) -> Alert:
    """The message for `events` (one at least); the timeline tells the rest of their incidents."""
    concerned = {event["incident"] for event in events}
    told = stories([event for event in timeline if event["incident"] in concerned])
    shown = events[-EVENTS_SHOWN:]
    return {
        "version": VERSION,
        "id": identity,
        "gateway": gateway,
        "at": events[-1]["at"],
        "kinds": sorted({str(kind) for event in events if (kind := kind_of(event))}),
        "text": _text(events, told, gateway, language),
        "incidents": told,
        "events": [{**event, "text": event["text"][:LONGEST_EVENT]} for event in shown],
        "omitted": len(events) - len(shown),
    }


def _text(
    events: Sequence[Happening], told: Sequence[Story], gateway: str, language: Language
) -> str:
    """A sentence for each incident, then what belongs to none."""
    in_stories = {story["incident"] for story in told}
    said = [sentence(story, language) for story in told]
    said += dict.fromkeys(e["text"] for e in events if e["incident"] not in in_stories)
    return f"{gateway}: {'. '.join(said)}"[:LONGEST_TEXT]


def wanted(event: Happening, kinds: Collection[AlertKind]) -> bool:
    """Whether an event is one of those that somebody asked for."""
    return kind_of(event) in kinds
