"""Events and samples, in SQLite: a separate thread writes, so a slow disk delays no failover.

WAL with synchronous=NORMAL: nothing is synced but at a checkpoint (every 1000 pages), so a power
cut may lose what the kernel had not written back yet (30 s by default), and never the file: each
frame of the log carries a checksum, and what follows a broken one is not read. FULL would sync
each batch, which on a memory card takes longer than a failover and wears it out. A `kill -9` loses
what waits in this process, less than a second. Both tables are bounded. A disk that is full or
read-only is reported once; the routing goes on.
"""

import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from lbrouter.compile.event_report.report_facts import TrafficAmount
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.timeline import TimelineEvent
from lbrouter.system import atomic_file

HISTORY_DB_FILE: Final = "history.db"

EVENTS_KEPT: Final = 50_000
SAMPLES_KEPT: Final = 200_000
"""Of fifteen uplinks every ten seconds: a day and a half; of three, a week."""

TRAFFIC_KEPT: Final = 500_000
"""Of eight uplinks and 64 VLANs every ten seconds: 19 hours; of two and six, a week."""

MAX_QUEUED_RECORDS: Final = 2_000
"""Records that may wait for the disk; more are dropped, and the drop is reported."""

TRIM_EVERY_RECORDS: Final = 500
"""Records between two trims: the tables may exceed their limit by as many."""

MAX_EVENT_TEXT_CHARS: Final = 4000
"""Characters of a text that are kept: nft may complain in pages."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, incident TEXT NOT NULL, more TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sample (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, uplink TEXT NOT NULL, state TEXT NOT NULL,
    rtt_ms REAL, jitter_ms REAL, loss_percent REAL, upload_bps INTEGER, download_bps INTEGER);
CREATE TABLE IF NOT EXISTS traffic (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    seconds REAL, upload_bytes INTEGER, download_bytes INTEGER,
    peak_upload_bps INTEGER, peak_download_bps INTEGER);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line of the timeline. `at` is RFC 3339 in UTC, `subject` an uplink's or policy's name.

    All events of one incident carry its number, in digits; "" outside of any.
    """

    kind: str
    text: str
    subject: str = ""
    incident: str = ""
    at: str = field(default_factory=utc_timestamp)
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> TimelineEvent:
        """For `lbrouter events --json` and the socket."""
        return cast("TimelineEvent", asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSample:
    """How an uplink was doing, every few seconds."""

    at: str
    uplink: str
    state: str
    rtt_ms: float | None
    jitter_ms: float | None
    loss_percent: float | None
    upload_bps: int
    download_bps: int


HistoryRecord = LogEvent | UplinkSample | TrafficAmount
"""What is kept, each in a table of its own."""

TABLES: Final = {LogEvent: "event", UplinkSample: "sample", TrafficAmount: "traffic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many records of each kind stay."""

    events: int = EVENTS_KEPT
    samples: int = SAMPLES_KEPT
    traffic: int = TRAFFIC_KEPT
    trim_every: int = TRIM_EVERY_RECORDS


class History:
    """Takes records at once and writes them when the disk can. `on_error` is called once a fault.

    `on_error` runs in the thread that writes.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        on_error: Callable[[str], None],
        retention: Retention | None = None,
    ) -> None:
        self._file = state_dir / HISTORY_DB_FILE
        self._on_error = on_error
        self._retention = retention or Retention()
        self._queue: queue.Queue[HistoryRecord | None] = queue.Queue(MAX_QUEUED_RECORDS)
        self._failing = False
        self._writer = threading.Thread(target=self._run, name="history", daemon=True)
        self._writer.start()

    def add(self, record: HistoryRecord) -> None:
        """Keep `record`. Never waits, never raises."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._report_failure("the disk is too slow")

    def close(self, *, within_s: float = 2.0) -> None:
        """Write what waits, and end."""
        try:
            self._queue.put(None, timeout=within_s)
        except queue.Full:
            return
        self._writer.join(within_s)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        untrimmed = (
            self._retention.trim_every
        )  # a database that was left too large is trimmed at once
        for batch in iter(self._next_batch, []):
            untrimmed += len(batch)
            try:
                connection = connection or _open_database(self._file)
                _write_batch(
                    connection,
                    batch,
                    self._retention if untrimmed > self._retention.trim_every else None,
                )
                untrimmed = 0 if untrimmed > self._retention.trim_every else untrimmed
                self._failing = False
            except (sqlite3.Error, OSError) as error:
                self._report_failure(str(error))
                _close_after_error(connection, self._file, error)
                connection = None
        if connection is not None:
            connection.close()

    def _next_batch(self) -> list[HistoryRecord]:
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

    def _report_failure(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            self._on_error(
                phrase(
                    "The history {file} cannot be written ({reason}); everything else works.",
                    file=self._file,
                    reason=reason,
                )
            )


def recent_events(
    state_dir: Path, *, limit: int, since: str = "", incident: str | None = None
) -> list[LogEvent]:
    """The last `limit` events, oldest first; none where there is no history.

    `since` is RFC 3339 in UTC; `incident` a number, or "" for events of any incident.
    """
    where, values = "at >= :since", {"since": since, "incident": incident, "limit": limit}
    if incident is not None:
        where += " AND incident = :incident" if incident else " AND incident != ''"
    rows = select_rows(
        state_dir,
        "SELECT at, kind, subject, text, incident, more FROM event"  # noqa: S608
        f" WHERE {where} ORDER BY id DESC LIMIT :limit",
        values,
    )
    return [_event_from_row(row) for row in reversed(rows)]


def last_incident_number(state_dir: Path) -> int:
    """The highest number that an incident has had; 0 where there was none."""
    [row] = select_rows(state_dir, "SELECT max(CAST(incident AS INTEGER)) FROM event", {}) or [(0,)]
    return int(row[0] or 0)


def select_rows(state_dir: Path, query: str, values: dict[str, Any]) -> list[Any]:
    """Rows of the database, none where there is none. Raises sqlite3.Error."""
    file = state_dir / HISTORY_DB_FILE
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1.0)
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # another thread is creating it
            return []
        raise
    finally:
        connection.close()


def _event_from_row(row: tuple[str, str, str, str, str, str]) -> LogEvent:
    at, kind, subject, text, incident, more = row
    return LogEvent(
        at=at, kind=kind, subject=subject, text=text, incident=incident, more=json.loads(more)
    )


def _open_database(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    atomic_file.create_private(file)  # SQLite's other files get the rights of this one
    connection = sqlite3.connect(file, timeout=1.0)
    try:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _close_after_error(connection: sqlite3.Connection | None, file: Path, error: Exception) -> None:
    """Close after a fault; a file that is no database any more is set aside, whole."""
    if connection is not None:
        connection.close()
    broken = isinstance(error, sqlite3.DatabaseError)
    if broken and not isinstance(error, sqlite3.OperationalError):
        with suppress(OSError):
            file.replace(file.with_name(file.name + ".damaged"))


def _write_batch(
    connection: sqlite3.Connection, batch: Iterable[HistoryRecord], trim: Retention | None
) -> None:
    """The batch in one transaction; with `trim` what is too much goes as well."""
    with connection:
        for record in batch:
            values: dict[str, Any] = asdict(record)
            if isinstance(record, LogEvent):
                values["text"] = record.text[:MAX_EVENT_TEXT_CHARS]
                values["more"] = json.dumps(values["more"], ensure_ascii=False)
            table = TABLES[type(record)]
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608
        if trim is not None:
            kept_records = (trim.events, trim.samples, trim.traffic)
            for table, kept in zip(TABLES.values(), kept_records, strict=True):
                connection.execute(
                    f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?",  # noqa: S608
                    (kept,),
                )
