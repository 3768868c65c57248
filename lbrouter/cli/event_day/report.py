"""`lbrouter report`: one page after the event, and the same numbers as JSON beside it.

`-o FILE` writes the page, and its JSON twin under the same name with ".json". Without it the page
(or with --json the twin) goes to stdout. It needs no daemon: it reads the history.
"""

import json as json_text
import sqlite3
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Final

import typer

from lbrouter import __version__
from lbrouter.cli.commands.events import parse_since
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_damage, print_json, print_line
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.event_report.report_document import report_document, rfc3339
from lbrouter.compile.event_report.report_facts import ConfigStep, ReportFacts
from lbrouter.compile.event_report.report_page import report_page
from lbrouter.daemon.confirm.config_history import ConfigHistory
from lbrouter.daemon.events.history import (
    EVENTS_KEPT,
    HISTORY_DB_FILE,
    recent_events,
)
from lbrouter.daemon.events.history_samples import quality_since, traffic_since
from lbrouter.model.config import Config
from lbrouter.model.errors import ExitCode, NotAppliedError, UnavailableError, UsageError
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.line_rate import MIN_RATE

LOOK_BACK: Final = timedelta(days=7)
"""What held at the begin of the report began before it: events reach back so far."""


def report(
    context: typer.Context,
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help='From "5m", "6h", "18:00" or RFC 3339 on.')
    ] = "6h",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Up to that time; else up to now.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the page, and FILE.json."),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Write one page about the event: lines, policies, VLANs, incidents, orders."""
    settings = settings_of(context, json=json)
    file = load_config_file(settings)
    zone, language = file.config.gateway.timezone, screen_language()
    begin, end = _span(since, until, zone)
    facts = _facts(settings, file.config, file.digest, begin, end)
    document = report_document(facts)
    page = report_page(facts, document, language, zone)
    if output is not None:
        twin = output.with_suffix(".json")
        _write(output, page)
        _write(twin, json_text.dumps(document, indent=2, ensure_ascii=False) + "\n")
        if settings.json:
            print_json({"ok": True, "page": str(output), "json": str(twin)})
        else:
            print_line(f"{output}, {twin}")
    elif settings.json:
        print_json(document)
    else:
        print_line(page.rstrip())
    return ExitCode.DONE


def _span(since: str, until: str, zone: tzinfo | None) -> tuple[datetime, datetime]:
    """From, to. Raises UsageError where nothing lies between them."""
    now = datetime.now(UTC).astimezone(zone)
    begin = datetime.fromisoformat(parse_since(since, now))
    end = datetime.fromisoformat(parse_since(until, now)) if until else now
    if begin >= end:
        raise UsageError("--until is not later than --since.")
    return begin, end


def _facts(
    settings: CommandSettings, config: Config, digest: str, begin: datetime, end: datetime
) -> ReportFacts:
    """Raises UnavailableError where the history cannot be read."""
    state_dir, since, upto = settings.state_dir, rfc3339(begin), rfc3339(end)
    try:
        events = recent_events(state_dir, limit=EVENTS_KEPT, since=rfc3339(begin - LOOK_BACK))
        traffic = [each for each in traffic_since(state_dir, since) if each.at <= upto]
        quality = [each for each in quality_since(state_dir, since) if each.at <= upto]
    except (sqlite3.Error, OSError) as error:
        raise UnavailableError(
            phrase(
                "The history {file} cannot be read: {error}.",
                file=state_dir / HISTORY_DB_FILE,
                error=str(error),
            ),
            remedy="Run it as root.",
        ) from error
    return ReportFacts(
        gateway=config.gateway.name,
        version=__version__,
        begin=begin,
        end=end,
        uplinks=list(config.uplinks),
        policies=list(config.policies),
        vlans=list(config.vlans),
        guaranteed=[
            name
            for name, vlan in config.vlans.items()
            if any(way and way.guaranteed > MIN_RATE for way in (vlan.upload, vlan.download))
        ],
        events=[e.as_json() for e in events if datetime.fromisoformat(e.at) <= end],
        quality=quality,
        traffic=traffic,
        configs=_config_steps(settings, since, upto),
        digest=digest,
    )


def _config_steps(settings: CommandSettings, since: str, upto: str) -> list[ConfigStep]:
    return [
        {
            "at": record.at,
            "by": str(record.by),
            "source": record.source,
            "digest": record.digest,
            "outcome": str(record.outcome),
            "reason": record.reason,
        }
        for record in ConfigHistory(settings.state_dir, print_damage).records()
        if since <= record.at <= upto
    ]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotAppliedError(
            phrase("{file} cannot be written: {error}.", file=file, error=error.strerror),
            remedy="Choose another -o FILE.",
        ) from error
