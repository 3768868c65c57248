"""Files of state: whole or not at all, for root alone, and damage is always told."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbrouter.daemon.overrides.store import OVERRIDES_FILE, OperatorOverrides
from lbrouter.daemon.overrides.temporary_limits import TemporaryLimit
from lbrouter.model.errors import NotAppliedError
from lbrouter.system import atomic_file
from lbrouter.system.saved_file import SavedFile
from lbrouter.system.state_file import STATE_FILE_VERSION, StateFile
from tests.kit.builders import TWO_LINES, config_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    names: tuple[str, ...]
    ends_at: float = float("inf")
    by_number: dict[int, bool] = field(default_factory=dict)


FIRST = Sample(names=("fiber",), by_number={7: True})
SECOND = Sample(names=("fiber", "lte"), ends_at=12.5)


def sample_file(folder: Path, *, durable: bool = True) -> StateFile[Sample]:
    return StateFile(folder / "state" / "sample.json", Sample, durable=durable)


@pytest.mark.parametrize("durable", [True, False])
def test_a_value_is_read_back_by_another_object(tmp_path: Path, *, durable: bool) -> None:
    assert sample_file(tmp_path, durable=durable).load(pytest.fail) is None
    assert list(tmp_path.iterdir()) == [], "looking creates nothing"
    for value in (FIRST, SECOND):
        sample_file(tmp_path, durable=durable).save(value)
        assert sample_file(tmp_path, durable=durable).load(pytest.fail) == value
    sample_file(tmp_path, durable=durable).remove()
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_for_root_alone_from_its_first_byte_on(tmp_path: Path, *, durable: bool) -> None:
    """Whatever the umask: another thread looks at each file for as long as writing takes."""
    file = SavedFile(tmp_path / "large", durable=durable)
    modes, done = set[int](), threading.Event()

    def watch() -> None:
        while not done.is_set():
            with os.scandir(tmp_path) as entries:
                for entry in entries:
                    try:
                        modes.add(entry.stat().st_mode & 0o777)
                    except FileNotFoundError:
                        continue

    before, watcher = os.umask(0), threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(50):
            file.write(bytes(200_000))
    finally:
        done.set()
        watcher.join()
        os.umask(before)
    assert modes == {0o600}


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    sample_file(tmp_path).save(FIRST)
    (tmp_path / "state" / "sample.json.new").mkdir()  # where the new file is written
    with pytest.raises(NotAppliedError, match="cannot be written"):
        sample_file(tmp_path).save(SECOND)
    assert sample_file(tmp_path).load(pytest.fail) == FIRST


def damaged(content: bytes, kind: str, place: int) -> bytes:
    at = place % len(content)
    return {
        "cut": content[:at],
        "bit": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
        "zeros": bytes(len(content)),
        "longer": content + b"x",
        "brackets": b"[" * 100_000,
    }[kind]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["cut", "bit", "zeros", "longer", "brackets"]),
    place=st.integers(0, 10_000),
    durable=st.booleans(),
    both=st.booleans(),
)
def test_damage_is_never_silent(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: int, *, durable: bool, both: bool
) -> None:
    """A damaged file gives what was saved before, or nothing; a person is told once, and what was
    in it is kept."""
    folder = tmp_path_factory.mktemp("damage")
    sample_file(folder, durable=durable).save(FIRST)
    sample_file(folder, durable=durable).save(SECOND)
    path = folder / "state" / "sample.json"
    broken = damaged(path.read_bytes(), kind, place)
    path.write_bytes(broken)
    if both and durable:
        atomic_file.backup_path(path).write_bytes(broken)
    told: list[str] = []
    file = sample_file(folder, durable=durable)
    found = file.load(told.append)
    if not durable and found is not None:
        return  # one bit within a name is another valid file: no checksum guards what /run holds
    assert found == (FIRST if durable and not both else None)
    assert len(told) == 1
    assert str(path) in told[0]
    assert path.with_name("sample.json.damaged").read_bytes() == broken
    file.load(told.append)
    assert len(told) == 1, "the same damage is told once"
    file.save(SECOND)
    assert file.load(pytest.fail) == SECOND
    assert path.with_name("sample.json.damaged").read_bytes() == broken


def test_a_file_of_a_later_version_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sample.json"
    text = json.dumps({"version": 9, **asdict(FIRST)}).encode()
    path.parent.mkdir()
    path.write_bytes(text)
    told: list[str] = []
    assert sample_file(tmp_path, durable=False).load(told.append) is None
    assert told == [f"{path} is of another version of lbrouter (9): it is ignored."]
    assert path.with_name("sample.json.damaged").read_bytes() == text


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_of_the_landed_version_is_written_anew_by_its_owner(
    tmp_path: Path, *, durable: bool
) -> None:
    path = tmp_path / "state" / "sample.json"
    sample_file(tmp_path, durable=durable).save(FIRST)
    document = read_document(path)
    assert document.pop("version") == STATE_FILE_VERSION
    SavedFile(path, durable=durable).write(json.dumps(document).encode())
    before = path.read_bytes()
    assert sample_file(tmp_path, durable=durable).load(pytest.fail) == FIRST
    assert path.read_bytes() == before, "who only reads changes nothing"
    assert sample_file(tmp_path, durable=durable).load_owned(pytest.fail) == FIRST
    assert read_document(path)["version"] == STATE_FILE_VERSION


def read_document(path: Path) -> dict[str, object]:
    text = path.read_bytes()
    found: dict[str, object] = json.loads(text[text.index(b"{") :])
    return found


LANDED_OVERRIDES = {
    "drained": ["lte"],
    "moving": ["lte"],
    "pins": {"show": "fiber"},
    "limits": {"guests": {"upload": {"rate": 5_000_000, "boot": "b", "deadline": None}}},
}


def test_overrides_of_the_landed_version_are_all_kept(tmp_path: Path) -> None:
    atomic_file.write(tmp_path / OVERRIDES_FILE, json.dumps(LANDED_OVERRIDES).encode())
    for _ in range(2):  # as it was, and as it was written anew
        found = OperatorOverrides.load(tmp_path, pytest.fail)
        assert (found.drained, found.moving, found.pins) == ({"lte"}, {"lte"}, {"show": "fiber"})
        assert found.limits.status("guests") == {
            "upload": {"rate_bps": 5_000_000, "ends_in_s": None},
            "download": None,
        }


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_wrong_rate(content: bytes) -> bytes:
    return content.replace(b"5000000", b"-5000000")


@pytest.mark.parametrize("damage", [cut_short, with_wrong_rate])
def test_damaged_overrides_are_those_before_the_last_command_and_told(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    config, overrides = config_of(TWO_LINES), OperatorOverrides()
    overrides.drain(config, "lte")
    overrides.save(tmp_path)
    limit = TemporaryLimit(rate=5_000_000)
    overrides.set_limit(config, "guests", ["upload"], limit)
    overrides.save(tmp_path)
    path, told = tmp_path / OVERRIDES_FILE, list[str]()
    path.write_bytes(damage(path.read_bytes()))
    assert OperatorOverrides.load(tmp_path, told.append).drained == {"lte"}
    assert told == [f"{path} is damaged: its previous copy is used."]
    assert path.with_name(f"{OVERRIDES_FILE}.damaged").exists()


def test_copies_are_for_root_alone_whatever_was_there_before(tmp_path: Path) -> None:
    """A file that an earlier release left open to all does not become an open copy."""
    file = tmp_path / "state" / "config.toml"
    atomic_file.write(file, b"first")
    file.chmod(0o644)
    atomic_file.write(file, b"second")
    assert modes(tmp_path / "state") == {"config.toml": 0o600, "config.toml.1": 0o600}


def test_what_is_open_is_closed_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "state" / "lanes"
    inside.mkdir(parents=True)
    for file in (outside, inside / "lane.key", inside / "quiet"):
        file.write_text("x")
        file.chmod(0o644)
    (inside / "quiet").chmod(0o400)
    (inside / "link").symlink_to(outside)
    atomic_file.close_to_others(tmp_path / "state")
    assert modes(inside) == {"lane.key": 0o600, "quiet": 0o400, "link": 0o644}
    atomic_file.close_to_others(tmp_path / "nowhere")


def test_a_file_for_a_program_is_private_before_it_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    before = os.umask(0)
    try:
        atomic_file.create_private(file)
    finally:
        os.umask(before)
    assert modes(tmp_path) == {"history.db": 0o600}
    file.write_text("kept")
    file.chmod(0o666)
    atomic_file.create_private(file)
    assert modes(tmp_path) == {"history.db": 0o600}
    assert file.read_text() == "kept"
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(OSError, match="symbolic"):
        atomic_file.create_private(link)


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
