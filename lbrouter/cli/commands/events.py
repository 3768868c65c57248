"""`lbrouter events`: the timeline, from the daemon, or from its history where none runs.

Oldest first. With JSON one object a line: {"at", "kind", "subject", "text", "incident", "more"}, or
a story where `--brief` asks for those.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

import typer

from lbrouter.cli.daemon_request import display_zone
from lbrouter.cli.output.render import print_diagnostic, print_json_line, print_line
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.report.clock import local_date_time, zone_name
from lbrouter.compile.report.i18n import event_text
from lbrouter.compile.report.i18n import translate as said
from lbrouter.compile.report.incident_text import incident_sentence
from lbrouter.compile.report.incidents import summarise_incidents
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.model.errors import ExitCode, NotAppliedError, UnavailableError, UsageError
from lbrouter.model.language import Language
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.timeline import TimelineEvent
from lbrouter.model.units import Duration
from lbrouter.model.validated_strings import InvalidValueError

TIME_OF_DAY_PATTERN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")

ACCEPTED_SINCE = (
    'A time ago ("90s", "10m", "2h"), a time of day ("20:14"), or a date and time (RFC 3339).'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events: the last `limit` since `since` ("": ever) of `incident` (None: of any or none).

    `brief` is a sentence for each incident instead of its events.
    """

    limit: int
    since: str
    incident: str | None
    brief: bool
    follow: bool


def events(
    context: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Show the last N events.")
    ] = 50,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help='Show events since "10m", "2h", "20:14" or RFC 3339.'),
    ] = "",
    incident: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Show the events of one incident.")
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Show one sentence for each incident.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Show new events until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> int:
    """Print the timeline: faults, failovers, repairs, changes."""
    settings = settings_of(context, json=json)
    zone = display_zone(settings)
    event_filter = EventFilter(
        limit=limit,
        since=parse_since(since, datetime.now(UTC).astimezone(zone)) if since else "",
        incident=None if incident is None else str(incident),
        brief=brief,
        follow=follow,
    )
    printer = EventPrinter(settings, screen_language(), zone)
    return _print_events(settings, event_filter, printer)


def _print_events(
    settings: CommandSettings, event_filter: EventFilter, printer: "EventPrinter"
) -> int:
    past = _past_events(settings, event_filter, printer)
    if event_filter.brief or event_filter.incident:
        printer.print_incidents(past, brief=event_filter.brief)
    if not event_filter.brief:
        for event in past:
            printer.print_event(event)
    if event_filter.follow:
        _follow_events(settings, event_filter, printer)
    return ExitCode.DONE


def _follow_events(
    settings: CommandSettings, event_filter: EventFilter, printer: "EventPrinter"
) -> None:
    for event in blocking_client.stream(settings.runtime_dir, {"verb": "follow"}):
        if event_filter.incident is None or event["incident"] == event_filter.incident:
            printer.print_event(event)
    raise UnavailableError("No daemon runs, or it has ended.", remedy="systemctl start lbrouter")


def parse_since(text: str, now: datetime) -> str:
    """The moment that `--since` means, as the history writes it. Raises UsageError.

    A time of day is the last one before `now`, on the clock of `now`'s zone.
    """
    return _parse_moment(text, now).astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _parse_moment(text: str, now: datetime) -> datetime:
    clock = TIME_OF_DAY_PATTERN.fullmatch(text)
    if clock is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        moment = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return moment if moment <= now else moment - timedelta(days=1)
    with suppress(InvalidValueError):
        return now - timedelta(seconds=Duration.parse(text).seconds)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            phrase("--since {text} is not a time.", text=repr(text)), remedy=ACCEPTED_SINCE
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def _past_events(
    settings: CommandSettings, event_filter: EventFilter, printer: "EventPrinter"
) -> list[TimelineEvent]:
    asked: dict[str, Any] = {
        "verb": "events",
        "limit": event_filter.limit,
        "since": event_filter.since,
    }
    incident = "" if event_filter.brief and event_filter.incident is None else event_filter.incident
    if incident is not None:
        asked["incident"] = incident
    with suppress(NotAppliedError):
        answer = blocking_client.ask(settings.runtime_dir, asked, timeout_s=5)
        if answer is not None:
            return list(answer["events"])
    printer.print_note("no daemon runs; these events are from the last one")
    from lbrouter.cli.without_daemon import past_events  # noqa: PLC0415  -- 400 ms to load

    return past_events(
        settings.state_dir, limit=event_filter.limit, since=event_filter.since, incident=incident
    )


class EventPrinter:
    """Prints events and incidents: for people in their zone, which a note names once."""

    def __init__(self, settings: CommandSettings, language: Language, zone: tzinfo | None) -> None:
        self._json = settings.json
        self._language = language
        self._zone = zone
        self._heading_printed = False

    def print_note(self, text: str, **values: object) -> None:
        """A note on stderr, in the reader's language."""
        note = said(self._language, "note")
        print_diagnostic(f"{note}: {said(self._language, text, **values)}")

    def print_incidents(self, events: list[TimelineEvent], *, brief: bool) -> None:
        """A sentence for each incident: "incident 7: ..."."""
        for story in summarise_incidents(events):
            if not self._json:
                number = said(self._language, "incident {number}", number=story["incident"])
                sentence = incident_sentence(story, self._language, self._zone, name_zone=True)
                print_line(f"{number}: {sentence}")
            elif brief:
                print_json_line(story)

    def print_event(self, entry: TimelineEvent) -> None:
        """One event in a line."""
        if self._json:
            print_json_line(entry)
            return
        if not self._heading_printed:
            self._heading_printed = True
            zone = zone_name(entry["at"], self._zone)
            self.print_note("times in {zone}", zone=zone)
        at, text = local_date_time(entry["at"], self._zone), event_text(self._language, entry)
        print_line(f"{at}  {entry['incident'] or '-':>4}  {entry['kind']:<9}  {text}")
