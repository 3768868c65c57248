"""The daemon's log: to stderr for the service manager, to the history, and to followers."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.event_report.report_facts import TrafficAmount
from lbrouter.daemon.events.history import (
    History,
    LogEvent,
    UplinkSample,
    last_incident_number,
    recent_events,
)
from lbrouter.daemon.events.stderr_log import StderrLog
from lbrouter.model.messages.message import Message
from lbrouter.model.messages.phrase import Phrase

MAX_FOLLOWER_BACKLOG: Final = 200
"""Entries that a slow follower may be behind; then it misses some."""

MAX_EVENTS_IN_MEMORY: Final = 1000
"""Entries that are known without the disk."""

SYSTEMD_JOURNAL_ENV_VAR: Final = "JOURNAL_STREAM"
"""Set by systemd where stderr leads to its journal, which stamps each line itself."""


class Journal:
    """The log and the timeline of the daemon. Nothing here waits and nothing raises."""

    def __init__(self, state_dir: Path) -> None:
        self._recent = deque(_load_recent(state_dir), maxlen=MAX_EVENTS_IN_MEMORY)
        self._last_incident = _last_incident_number(state_dir)
        self._followers: set[asyncio.Queue[LogEvent]] = set()
        self._loop = asyncio.get_running_loop()
        self._stderr = StderrLog()
        self._history = History(state_dir, on_error=self._log_history_error)
        self._under_systemd_journal = SYSTEMD_JOURNAL_ENV_VAR in os.environ

    def log(
        self, kind: str, said: str | Message, *, subject: str = "", incident: str = "", **more: Any
    ) -> None:
        """A line of the timeline; of a message its data are kept as well."""
        if isinstance(said, Message | Phrase):
            more["message"] = said.as_json()
        entry = LogEvent(kind=kind, text=str(said), subject=subject, incident=incident, more=more)
        self._print(entry)
        self._recent.append(entry)
        self._history.add(entry)
        for follower in self._followers:
            if not follower.full():
                follower.put_nowait(entry)

    def record_sample(self, sample: UplinkSample | TrafficAmount) -> None:
        """A sample of an uplink or a VLAN, for the history alone."""
        self._history.add(sample)

    def recent(self, limit: int, *, since: str = "", incident: str | None = None) -> list[LogEvent]:
        """The last entries, oldest first; `since` and `incident` as in `recent_events`."""
        found = [each for each in self._recent if each.at >= since]
        if incident is not None:
            found = [e for e in found if e.incident and incident in ("", e.incident)]
        return found[-limit:]

    def last_event(self, kind: str, subject: str) -> LogEvent | None:
        """The last entry of a kind about `subject`, None where there is none any more."""
        found = (e for e in reversed(self._recent) if (e.kind, e.subject) == (kind, subject))
        return next(found, None)

    def new_incident(self) -> str:
        """A number that a person can say over the telephone: one more than the last."""
        self._last_incident += 1
        return str(self._last_incident)

    async def follow(self) -> AsyncGenerator[LogEvent, None]:
        """Entries as they come."""
        mine: asyncio.Queue[LogEvent] = asyncio.Queue(MAX_FOLLOWER_BACKLOG)
        self._followers.add(mine)
        try:
            while True:
                yield await mine.get()
        finally:
            self._followers.discard(mine)

    def close(self) -> None:
        """Write what waits for the disk, and for the reader of standard error."""
        self._history.close()
        self._stderr.close()

    def _print(self, entry: LogEvent) -> None:
        stamp = "" if self._under_systemd_journal else f"{entry.at} "
        incident = f"[{entry.incident}] " if entry.incident else ""
        self._stderr.write(f"{stamp}{incident}{entry.kind}: {entry.text}")

    def _log_history_error(self, text: str) -> None:
        """Called in the thread that writes: logs in the main thread, and not to the disk."""
        self._loop.call_soon_threadsafe(self._print, LogEvent(kind="trouble", text=text))


def _last_incident_number(state_dir: Path) -> int:
    try:
        return last_incident_number(state_dir)
    except Exception:  # noqa: BLE001  -- as below
        return 0


def _load_recent(state_dir: Path) -> list[LogEvent]:
    try:
        return recent_events(state_dir, limit=MAX_EVENTS_IN_MEMORY)
    except Exception:  # noqa: BLE001  -- a history that cannot be read is no reason not to start
        return []
