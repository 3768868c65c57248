"""What the daemon says: on stderr for the service manager, in the history, and to who follows."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lbrouter.daemon.events.history import Entry, History, Sample, last_incident, recent

FOLLOWERS_WAIT: Final = 200
"""Entries that a slow follower may be behind; then it misses some."""

REMEMBERED: Final = 1000
"""Entries that are known without the disk."""

BELOW_THE_JOURNAL: Final = "JOURNAL_STREAM"
"""Set by systemd where stderr leads to its journal, which stamps each line itself."""


class Journal:
    """One place for everything that is worth a line. Nothing here waits and nothing raises."""

    def __init__(self, state_dir: Path) -> None:
        self._recent = deque(_past(state_dir), maxlen=REMEMBERED)
        self._incident = _numbered(state_dir)
        self._followers: set[asyncio.Queue[Entry]] = set()
        self._loop = asyncio.get_running_loop()
        self._history = History(state_dir, complain=self._complain)
        self._stamped = BELOW_THE_JOURNAL in os.environ

    def say(
        self, kind: str, text: str, *, subject: str = "", incident: str = "", **more: Any
    ) -> None:
        """A line of the timeline."""
        entry = Entry(kind=kind, text=text, subject=subject, incident=incident, more=more)
        self._show(entry)
        self._recent.append(entry)
        self._history.add(entry)
        for follower in self._followers:
            if not follower.full():
                follower.put_nowait(entry)

    def sample(self, sample: Sample) -> None:
        """How an uplink is doing, for the history alone."""
        self._history.add(sample)

    def recent(self, limit: int, *, since: str = "", incident: str | None = None) -> list[Entry]:
        """The last entries, oldest first; `since` and `incident` as those of the history."""
        found = [each for each in self._recent if each.at >= since]
        if incident is not None:
            found = [e for e in found if e.incident and incident in ("", e.incident)]
        return found[-limit:]

    def last(self, kind: str, subject: str) -> Entry | None:
        """The last entry of a kind about `subject`, None where it is forgotten."""
        found = (e for e in reversed(self._recent) if (e.kind, e.subject) == (kind, subject))
        return next(found, None)

    def new_incident(self) -> str:
        """A number that a person can say over the telephone: one more than the last."""
        self._incident += 1
        return str(self._incident)

    async def follow(self) -> AsyncGenerator[Entry, None]:
        """Entries as they come."""
        mine: asyncio.Queue[Entry] = asyncio.Queue(FOLLOWERS_WAIT)
        self._followers.add(mine)
        try:
            while True:
                yield await mine.get()
        finally:
            self._followers.discard(mine)

    def close(self) -> None:
        """Write what waits for the disk."""
        self._history.close()

    def _show(self, entry: Entry) -> None:
        stamp = "" if self._stamped else f"{entry.at} "
        incident = f"[{entry.incident}] " if entry.incident else ""
        # Standard error may be a file on a full disk, or a pipe whose reader has gone.
        with suppress(OSError, ValueError):
            print(f"{stamp}{incident}{entry.kind}: {entry.text}", file=sys.stderr, flush=True)

    def _complain(self, text: str) -> None:
        """Called in the thread that writes: the line goes on in ours, and not to the disk."""
        self._loop.call_soon_threadsafe(self._show, Entry(kind="trouble", text=text))


def _numbered(state_dir: Path) -> int:
    try:
        return last_incident(state_dir)
    except Exception:  # noqa: BLE001  -- as below
        return 0


def _past(state_dir: Path) -> list[Entry]:
    try:
        return recent(state_dir, limit=REMEMBERED)
    except Exception:  # noqa: BLE001  -- a history that cannot be read is no reason not to start
        return []
