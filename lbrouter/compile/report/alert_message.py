"""Which events give an alert, and the message of an alert (docs/daemon.md)."""

from collections.abc import Collection, Sequence
from datetime import tzinfo
from typing import Final, TypedDict

from lbrouter.compile.report.i18n import event_text
from lbrouter.compile.report.incident_text import incident_sentence
from lbrouter.compile.report.incidents import summarise_incidents
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from lbrouter.model.sections.alerts import AlertKind
from lbrouter.model.timeline import IncidentSummary, TimelineEvent

ALERT_FORMAT_VERSION: Final = 1

MAX_ALERT_EVENTS: Final = 20
MAX_ALERT_EVENT_CHARS: Final = 500
MAX_ALERT_TEXT_CHARS: Final = 2000


class AlertMessage(TypedDict):
    """A message: several events that came together, and what they mean, in `text`.

    `id` is the same however often the message is sent; `omitted` counts events that were left out.
    """

    version: int
    id: str
    gateway: str
    at: str
    kinds: list[str]
    text: str
    incidents: list[IncidentSummary]
    events: list[TimelineEvent]
    omitted: int


def alert_kind(event: TimelineEvent) -> AlertKind | None:
    """The kind of alert that an event gives; None if it gives none, as a line that starts well."""
    more = event["more"]
    checked = (more.get("before"), more.get("after")) == (UplinkState.CHECKING, UplinkState.UP)
    if checked and not event["incident"]:
        return None
    word = more.get("after") if event["kind"] == "uplink" else event["kind"]
    return AlertKind(str(word)) if word in set(AlertKind) else None


def alert_message(
    events: Sequence[TimelineEvent],
    timeline: Sequence[TimelineEvent],
    *,
    gateway: str,
    identity: str,
    language: Language,
    zone: tzinfo | None = None,
) -> AlertMessage:
    """The message for `events` (one at least); the timeline has the rest of their incidents.

    Its times are in `zone` (None: the machine's), which each sentence names once.
    """
    concerned = {event["incident"] for event in events}
    incidents = summarise_incidents([event for event in timeline if event["incident"] in concerned])
    shown = events[-MAX_ALERT_EVENTS:]
    # A sentence for each incident, then what belongs to none.
    in_incidents = {incident["incident"] for incident in incidents}
    sentences = [
        incident_sentence(incident, language, zone, name_zone=True) for incident in incidents
    ]
    sentences += dict.fromkeys(
        event_text(language, each) for each in events if each["incident"] not in in_incidents
    )
    return {
        "version": ALERT_FORMAT_VERSION,
        "id": identity,
        "gateway": gateway,
        "at": events[-1]["at"],
        "kinds": sorted({str(kind) for event in events if (kind := alert_kind(event))}),
        "text": f"{gateway}: {'. '.join(sentences)}"[:MAX_ALERT_TEXT_CHARS],
        "incidents": incidents,
        "events": [{**event, "text": event["text"][:MAX_ALERT_EVENT_CHARS]} for event in shown],
        "omitted": len(events) - len(shown),
    }


def is_subscribed(event: TimelineEvent, kinds: Collection[AlertKind]) -> bool:
    """Whether an event has one of the alert kinds that the file asks for."""
    return alert_kind(event) in kinds
