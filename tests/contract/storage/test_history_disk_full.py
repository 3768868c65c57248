"""A full disk under the history: said once, nothing else happens, and written again later."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lbrouter.daemon.events.history import Entry, History, recent
from tests.contract.conftest import shell
from tests.topology.conftest import eventually


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    shell(f"mount -t tmpfs -o size=400k tmpfs {tmp_path}")
    yield tmp_path
    shell(f"umount -l {tmp_path}")


@pytest.fixture
def read_only(small: Path) -> Iterator[Path]:
    """A disk that takes nothing."""
    shell(f"mount -o remount,ro {small}")
    yield small
    shell(f"mount -o remount,rw {small}")


def writes(history: History, text: str, folder: Path) -> Callable[[], bool]:
    """Whether one more entry comes to the disk."""

    def written() -> bool:
        history.add(Entry(kind="move", text=text))
        return any(entry.text == text for entry in recent(folder, limit=5))

    return written


def test_a_full_disk_is_said_once_and_forgiven(small: Path) -> None:
    complaints: list[str] = []
    history = History(small, complain=complaints.append)
    assert eventually(writes(history, "first", small))
    with pytest.raises(OSError, match="No space"):
        (small / "filler").write_bytes(bytes(1 << 20))
    assert eventually(lambda: history.add(Entry(kind="a", text="x" * 9000)) or bool(complaints))
    for _ in range(20):
        history.add(Entry(kind="a", text="x" * 9000))
    (small / "filler").unlink()
    assert eventually(writes(history, "last", small))
    history.close()
    assert len(complaints) == 1
    assert "No space" in complaints[0] or "full" in complaints[0]


def test_a_disk_that_is_read_only_is_said_once(read_only: Path) -> None:
    complaints: list[str] = []
    history = History(read_only, complain=complaints.append)
    for number in range(20):
        history.add(Entry(kind="a", text=str(number)))
    assert eventually(lambda: bool(complaints))
    history.close()
    assert len(complaints) == 1
