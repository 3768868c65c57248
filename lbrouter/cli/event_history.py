"""The events of the last daemon, off its history, where none runs."""

import sqlite3
from pathlib import Path

from lbrouter.daemon.events.history import HISTORY_DB_FILE, recent_events
from lbrouter.model.errors import UnavailableError
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.timeline import TimelineEvent


def past_events(
    state_dir: Path, *, limit: int, since: str, incident: str | None
) -> list[TimelineEvent]:
    """As `recent_events`, as documents. Raises UnavailableError where it cannot be read."""
    try:
        entries = recent_events(state_dir, limit=limit, since=since, incident=incident)
    except sqlite3.Error as error:
        raise UnavailableError(
            phrase(
                "The history {file} cannot be read: {error}.",
                file=state_dir / HISTORY_DB_FILE,
                error=str(error),
            ),
            remedy="Run it as root. The next start of the daemon replaces a damaged file.",
        ) from error
    return [entry.as_json() for entry in entries]
