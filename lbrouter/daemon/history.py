"""What happened, in SQLite: a thread of its own writes, so that a slow disk delays no failover.

WAL with synchronous=NORMAL: a power cut may lose the last second, never the file. Both tables are
bounded. A disk that is full or read-only is said once; the routing goes on.
"""

import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FILE: Final = "history.db"

EVENTS_KEPT: Final = 50_000
SAMPLES_KEPT: Final = 200_000
"""Of fifteen uplinks every ten seconds: a day and a half; of three, a week."""

WAITING: Final = 2_000
"""Records that may wait for the disk; more are dropped, and the drop is told."""

TRIM_EVERY: Final = 500

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, incident TEXT NOT NULL, more TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sample (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, uplink TEXT NOT NULL, state TEXT NOT NULL,
    rtt_ms REAL, jitter_ms REAL, loss_percent REAL, upload_bps INTEGER, download_bps INTEGER);
"""


def moment(*, precision: str = "milliseconds") -> str:
    """Now, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the timeline. `at` is RFC 3339 in UTC, `subject` an uplink's or policy's name.

    All events of one incident carry its id; "" outside of any.
    """

    kind: str
    text: str
    subject: str = ""
    incident: str = ""
    at: str = field(default_factory=moment)
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `lbrouter events --json` and the socket."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How an uplink was doing, every few seconds."""

    at: str
    uplink: str
    state: str
    rtt_ms: float | None
    jitter_ms: float | None
    loss_percent: float | None
    upload_bps: int
    download_bps: int


class History:
    """Takes records at once and writes them when the disk can. `complain` is called once a fault.

    `complain` runs in the thread that writes.
    """

    def __init__(self, state_dir: Path, *, complain: Callable[[str], None]) -> None:
        self._file = state_dir / FILE
        self._complain = complain
        self._queue: queue.Queue[Entry | Sample | None] = queue.Queue(WAITING)
        self._faulty = False
        self._writer = threading.Thread(target=self._work, name="history", daemon=True)
        self._writer.start()

    def add(self, record: Entry | Sample) -> None:
        """Keep `record`. Never waits, never raises."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._fault("the disk is too slow")

    def close(self, *, within_s: float = 2.0) -> None:
        """Write what waits, and end."""
        try:
            self._queue.put(None, timeout=within_s)
        except queue.Full:
            return
        self._writer.join(within_s)

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        for count, batch in enumerate(iter(self._batch, [])):
            try:
                connection = connection or _opened(self._file)
                _write(connection, batch, trim=count % TRIM_EVERY == 0)
                self._faulty = False
            except (sqlite3.Error, OSError) as error:
                self._fault(str(error))
                _drop(connection, self._file, error)
                connection = None
        if connection is not None:
            connection.close()

    def _batch(self) -> list[Entry | Sample]:
        """All that waits, in one transaction; empty at the end."""
        first = self._queue.get()
        found = [] if first is None else [first]
        while found and not self._queue.empty():
            more = self._queue.get()
            if more is None:
                self._queue.put(None)
                break
            found.append(more)
        return found

    def _fault(self, reason: str) -> None:
        if not self._faulty:
            self._faulty = True
            self._complain(
                f"The history {self._file} cannot be written ({reason}); all else goes on."
            )


def recent(state_dir: Path, *, limit: int) -> list[Entry]:
    """The last `limit` events, oldest first; none where there is no history."""
    file = state_dir / FILE
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1.0)
    try:
        rows = connection.execute(
            "SELECT at, kind, subject, text, incident, more FROM event ORDER BY id DESC LIMIT ?",
            (limit,),
        ).fetchall()
    finally:
        connection.close()
    return [_entry(row) for row in reversed(rows)]


def _entry(row: tuple[str, str, str, str, str, str]) -> Entry:
    at, kind, subject, text, incident, more = row
    return Entry(
        at=at, kind=kind, subject=subject, text=text, incident=incident, more=json.loads(more)
    )


def _opened(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=1.0)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
    return connection


def _drop(connection: sqlite3.Connection | None, file: Path, error: Exception) -> None:
    """Close after a fault; a file that is no database any more is set aside, whole."""
    if connection is not None:
        connection.close()
    broken = isinstance(error, sqlite3.DatabaseError)
    if broken and not isinstance(error, sqlite3.OperationalError):
        with suppress(OSError):
            file.replace(file.with_name(file.name + ".damaged"))


def _write(connection: sqlite3.Connection, batch: Iterable[Entry | Sample], *, trim: bool) -> None:
    with connection:
        for record in batch:
            _insert(connection, record)
        if trim:
            for table, kept in (("event", EVENTS_KEPT), ("sample", SAMPLES_KEPT)):
                connection.execute(
                    f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?",  # noqa: S608
                    (kept,),
                )


def _insert(connection: sqlite3.Connection, record: Entry | Sample) -> None:
    values: dict[str, Any] = asdict(record)
    if isinstance(record, Entry):
        values["more"] = json.dumps(values["more"], ensure_ascii=False)
    table = "event" if isinstance(record, Entry) else "sample"
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608
