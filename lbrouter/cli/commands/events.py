"""`lbrouter events`: the timeline, from the daemon, or from its history where none runs."""

import json
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lbrouter.cli.output.render import note, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.report.i18n import say as said
from lbrouter.compile.report.incident_text import sentence
from lbrouter.compile.report.incidents import stories
from lbrouter.daemon.control import client
from lbrouter.daemon.events.history import FILE, recent
from lbrouter.model.errors import Exit, NotAppliedError, UnavailableError, UsageError
from lbrouter.model.language import Language
from lbrouter.model.timeline import Happening
from lbrouter.model.units import Duration
from lbrouter.model.validated_strings import RefusedError

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")

A_TIME = 'A time ago ("90s", "10m", "2h"), a time of day ("20:14"), or a date and time (RFC 3339).'


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: the last `limit` since `since` ("": ever) of `incident` (None: of any or none).

    `brief` is a sentence for each incident instead of its events.
    """

    limit: int
    since: str
    incident: str | None
    brief: bool
    follow: bool


async def events(settings: Settings, wanted: Wanted, language: Language) -> int:
    """Those wanted, oldest first, then with `follow` those to come.

    With JSON one object a line: {"at", "kind", "subject", "text", "incident", "more"}, or a story
    where `brief` asks for those.
    """
    found = await _past(settings, wanted)
    if wanted.brief or wanted.incident:
        _tell(found, settings, wanted, language)
    if not wanted.brief:
        for each in found:
            _print(each, settings)
    if wanted.follow:
        await _follow(settings, wanted)
    return Exit.DONE


async def _follow(settings: Settings, wanted: Wanted) -> None:
    async for each in client.follow(settings.runtime_dir, {"verb": "follow"}):
        if wanted.incident is None or each["incident"] == wanted.incident:
            _print(each, settings)
    raise UnavailableError("No daemon runs, or it has ended.", remedy="systemctl start lbrouter")


def moment_of(text: str, now: datetime) -> str:
    """The moment that `--since` means, as the history writes it. Raises UsageError.

    A time of day is the last one before `now`, on the clock of `now`'s zone.
    """
    return _moment(text, now).astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _moment(text: str, now: datetime) -> datetime:
    clock = CLOCK.fullmatch(text)
    if clock is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        found = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return found if found <= now else found - timedelta(days=1)
    with suppress(RefusedError):
        return now - timedelta(seconds=Duration.parse(text).seconds)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text!r} is no time.", remedy=A_TIME) from error
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


async def _past(settings: Settings, wanted: Wanted) -> list[Happening]:
    asked: dict[str, Any] = {"verb": "events", "limit": wanted.limit, "since": wanted.since}
    incident = "" if wanted.brief and wanted.incident is None else wanted.incident
    if incident is not None:
        asked["incident"] = incident
    with suppress(NotAppliedError):
        found = await client.ask(settings.runtime_dir, asked, patience_s=5)
        if found is not None:
            return list(found["events"])
    note("note: no daemon runs; this is what it has left")
    try:
        entries = recent(
            settings.state_dir, limit=wanted.limit, since=wanted.since, incident=incident
        )
    except sqlite3.Error as error:
        raise UnavailableError(
            f"The history {settings.state_dir / FILE} cannot be read: {error}.",
            remedy="Run it as root; a daemon that starts sets a damaged one aside.",
        ) from error
    return [entry.as_json() for entry in entries]


def _tell(found: list[Happening], settings: Settings, wanted: Wanted, language: Language) -> None:
    """A sentence for each incident: "incident 7: ..."."""
    for story in stories(found):
        if not settings.json:
            number = said(language, "incident {number}", number=story["incident"])
            say(f"{number}: {sentence(story, language)}")
        elif wanted.brief:
            say(json.dumps(story, ensure_ascii=False))


def _print(entry: Happening, settings: Settings) -> None:
    if settings.json:
        say(json.dumps(entry, ensure_ascii=False))
    else:
        say(f"{entry['at']}  {entry['incident'] or '-':>4}  {entry['kind']:<9}  {entry['text']}")
