"""The history: bounded, asked by time and incident, whole after a `kill -9`."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from lbrouter.cli.commands.events import parse_since
from lbrouter.cli.main import main
from lbrouter.daemon.events.history import (
    MAX_EVENT_TEXT_CHARS,
    History,
    LogEvent,
    Retention,
    UplinkSample,
    last_incident_number,
    recent_events,
)
from lbrouter.model.errors import ExitCode, UsageError

CapturedOutput = pytest.CaptureFixture[str]


def timestamp(second: int) -> str:
    return f"2025-11-24T13:14:{second:02}.000Z"


def entry(second: int, *, incident: str = "", **more: Any) -> LogEvent:
    values: dict[str, Any] = {"kind": "uplink", "text": f"at {second}", "subject": "fiber"}
    return LogEvent(**{**values, "at": timestamp(second), "incident": incident, **more})


@pytest.fixture
def write_history(tmp_path: Path) -> Callable[..., None]:
    """Writes records into the history of `tmp_path`, and waits until they are there."""

    def write(*records: LogEvent | UplinkSample, kept: Retention | None = None) -> None:
        complaints: list[str] = []
        history = History(tmp_path, on_error=complaints.append, retention=kept)
        for record in records:
            history.add(record)
        history.close(within_s=30.0)
        assert complaints == []

    return write


def event_texts(folder: Path, **wanted: Any) -> list[str]:
    return [each.text for each in recent_events(folder, **{"limit": 1000, **wanted})]


def test_events_are_asked_by_time_and_incident(
    tmp_path: Path, write_history: Callable[..., None]
) -> None:
    write_history(entry(1), entry(2, incident="7"), entry(3, incident="8"), entry(4, incident="7"))
    assert event_texts(tmp_path) == ["at 1", "at 2", "at 3", "at 4"]
    assert event_texts(tmp_path, since=timestamp(3)) == ["at 3", "at 4"]
    assert event_texts(tmp_path, incident="7") == ["at 2", "at 4"]
    assert event_texts(tmp_path, incident="") == ["at 2", "at 3", "at 4"]
    assert event_texts(tmp_path, incident="7", since=timestamp(3)) == ["at 4"]
    assert event_texts(tmp_path, incident="7", limit=1) == ["at 4"]
    assert event_texts(tmp_path, incident="99") == []


def test_numbers_of_incidents_go_on(tmp_path: Path, write_history: Callable[..., None]) -> None:
    assert last_incident_number(tmp_path) == 0
    write_history(entry(1))
    assert last_incident_number(tmp_path) == 0
    write_history(entry(1, incident="9"), entry(2, incident="10"), entry(3))
    assert last_incident_number(tmp_path) == 10


def test_both_tables_stay_bounded(tmp_path: Path, write_history: Callable[..., None]) -> None:
    kept = Retention(events=50, samples=80, trim_every=20)
    sample = UplinkSample(
        at=timestamp(1), uplink="a", state="up", rtt_ms=1.0, jitter_ms=None, loss_percent=0.0,
        upload_bps=1, download_bps=2,
    )  # fmt: skip
    sizes = []
    for _ in range(6):
        write_history(
            *[entry(n % 60, text="x" * 200) for n in range(300)], *[sample] * 300, kept=kept
        )
        sizes.append(sum(file.stat().st_size for file in tmp_path.glob("history.db*")))
    with sqlite3.connect(tmp_path / "history.db") as connection:
        [(events,)] = connection.execute("SELECT count(*) FROM event").fetchall()
        [(samples,)] = connection.execute("SELECT count(*) FROM sample").fetchall()
    connection.close()
    assert 50 <= events <= 50 + 20 + 600
    assert 80 <= samples <= 80 + 20 + 600
    assert sizes[-1] <= 1.2 * sizes[1], sizes


def test_a_history_that_is_too_large_is_trimmed_at_the_first_record(
    tmp_path: Path, write_history: Callable[..., None]
) -> None:
    write_history(*[entry(n % 60) for n in range(300)])
    write_history(entry(1), kept=Retention(events=10))
    assert len(event_texts(tmp_path)) == 10


def test_a_text_without_end_has_one(tmp_path: Path, write_history: Callable[..., None]) -> None:
    write_history(entry(1, text="x" * 100_000))
    assert len(event_texts(tmp_path)[0]) == MAX_EVENT_TEXT_CHARS


WRITER_SCRIPT = """
import sys
from pathlib import Path
from lbrouter.daemon.events.history import History, LogEvent
history = History(Path(sys.argv[1]), on_error=print)
for number in range(1_000_000):
    history.add(LogEvent(kind="move", text=str(number)))
    if number % 100 == 99:
        print(number, flush=True)
        sys.stdin.readline()
"""


def test_a_kill_leaves_a_whole_file(tmp_path: Path) -> None:
    for _ in range(3):
        argv = [sys.executable, "-c", WRITER_SCRIPT, str(tmp_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(argv, text=True, **pipes) as writer:  # type: ignore[call-overload]
            while len(event_texts(tmp_path, limit=101)) < 101:
                assert writer.stdout.readline()
                writer.stdin.write("\n")
                writer.stdin.flush()
            writer.send_signal(signal.SIGKILL)
        found = [int(text) for text in event_texts(tmp_path, limit=10_000)]
        with sqlite3.connect(tmp_path / "history.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            connection.execute("DELETE FROM event")
        connection.close()
        assert found == list(range(len(found))), "what is there has no gaps"


JAKARTA = timezone(timedelta(hours=7))
NOW = datetime(2025, 11, 24, 20, 14, 30, tzinfo=JAKARTA)


@pytest.mark.parametrize(
    "text, moment",
    [
        ("90s", "2025-11-24T13:13:00.000Z"),
        ("2h", "2025-11-24T11:14:30.000Z"),
        ("20:14", "2025-11-24T13:14:00.000Z"),
        ("20:14:05", "2025-11-24T13:14:05.000Z"),
        ("20:15", "2025-11-23T13:15:00.000Z"),
        ("8:00", "2025-11-24T01:00:00.000Z"),
        ("2025-11-24T10:00:00Z", "2025-11-24T10:00:00.000Z"),
        ("2025-11-24T10:00", "2025-11-24T03:00:00.000Z"),
    ],
)
def test_since(text: str, moment: str) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["soon", "25:00", "-5m", "5", "", "20:14:99"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        parse_since(text, NOW)


def run_events_command(folder: Path, *words: str) -> int:
    return main(["--state-dir", str(folder), "--runtime-dir", str(folder), "events", *words])


def test_the_command_without_a_daemon(
    tmp_path: Path, write_history: Callable[..., None], capsys: CapturedOutput
) -> None:
    data = {"code": "no_carrier", "values": {"interface": "wan1"}}
    down = {"more": {"after": "down", "reason": "no carrier on wan1", "reason_data": data}}
    write_history(entry(1), entry(2, incident="7", **down), entry(3, incident="8", **down))
    assert run_events_command(tmp_path) == ExitCode.DONE
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run_events_command(tmp_path, "--incident", "7") == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("incident 7: the cable of fiber (wan1) lost its signal at")
    assert lines[1].startswith("24 Nov 13:14:02     7  uplink")
    assert run_events_command(tmp_path, "--brief", "--lang", "id") == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["insiden 7", "insiden 8"]
    assert run_events_command(tmp_path, "--brief", "--incident", "8", "--json") == ExitCode.DONE
    assert '"incident": "8"' in capsys.readouterr().out
    assert run_events_command(tmp_path, "--since", "1s") == ExitCode.DONE
    assert capsys.readouterr().out == ""
    assert run_events_command(tmp_path, "--since", "nonsense") == ExitCode.USAGE


def test_a_history_that_cannot_be_read_says_so(tmp_path: Path, capsys: CapturedOutput) -> None:
    (tmp_path / "history.db").write_bytes(b"rubbish" * 1000)
    assert run_events_command(tmp_path) == ExitCode.UNAVAILABLE
    assert "cannot be read" in capsys.readouterr().err
