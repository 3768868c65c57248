"""A full disk under the history: reported once, nothing else fails, later it is written again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lbrouter.daemon.events.history import History, LogEvent, recent_events
from tests.contract.conftest import shell
from tests.kit.wait import eventually


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    shell(f"mount -t tmpfs -o size=400k tmpfs {tmp_path}")
    yield tmp_path
    shell(f"umount -l {tmp_path}")


@pytest.fixture
def read_only_disk(small_disk: Path) -> Iterator[Path]:
    """A disk that cannot be written."""
    shell(f"mount -o remount,ro {small_disk}")
    yield small_disk
    shell(f"mount -o remount,rw {small_disk}")


def is_entry_written(history: History, text: str, folder: Path) -> Callable[[], bool]:
    """Whether one more entry comes to the disk."""

    def written() -> bool:
        history.add(LogEvent(kind="move", text=text))
        return any(entry.text == text for entry in recent_events(folder, limit=5))

    return written


def test_a_full_disk_is_logged_once_and_writing_resumes(small_disk: Path) -> None:
    complaints: list[str] = []
    history = History(small_disk, on_error=complaints.append)
    assert eventually(is_entry_written(history, "first", small_disk))
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(1 << 20))
    assert eventually(lambda: history.add(LogEvent(kind="a", text="x" * 9000)) or bool(complaints))
    for _ in range(20):
        history.add(LogEvent(kind="a", text="x" * 9000))
    (small_disk / "filler").unlink()
    assert eventually(is_entry_written(history, "last", small_disk))
    history.close()
    assert len(complaints) == 1
    assert "No space" in complaints[0] or "full" in complaints[0]


def test_a_read_only_disk_is_logged_once(read_only_disk: Path) -> None:
    complaints: list[str] = []
    history = History(read_only_disk, on_error=complaints.append)
    for number in range(20):
        history.add(LogEvent(kind="a", text=str(number)))
    assert eventually(lambda: bool(complaints))
    history.close()
    assert len(complaints) == 1
