"""The state store survives damage, a full disk and a read-only one; one writer at a time."""

import os
import subprocess
import sys
from ipaddress import ip_interface
from pathlib import Path

import pytest

from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import Address, KernelState, LinkAdminState, Sysctl
from lbrouter.system import atomic_file

FIRST = Allocation(uplinks={"fiber": 1}, vlans={"desk": 7}, retired=("dsl",))
SECOND = Allocation(uplinks={"fiber": 1, "lte": 2}, vlans={}, retired=())
BASELINE = KernelState(
    sysctls=frozenset({Sysctl(path="net/ipv4/conf/eth0.10/rp_filter", value="1")}),
    links=frozenset(
        {LinkAdminState(interface="eth0", up=False), LinkAdminState(interface="eth1", up=True)}
    ),
)

DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda _: b"",
    "one bit turned": lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
    "overwritten with zeros": lambda content: bytes(len(content)),
    "longer": lambda content: content + b"x",
}


def test_nothing_is_remembered_at_first_and_nothing_is_created_by_looking(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state")
    remembered = (
        store.load_allocation(),
        store.load_baseline(),
        store.load_config(),
        store.load_script("d1"),
    )
    assert remembered == (Allocation(), KernelState(), None, None)
    assert store.warnings == []
    assert not (tmp_path / "state").exists()


def test_what_is_saved_is_loaded_by_another_process(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "deep" / "state")
    store.save_allocation(FIRST)
    store.save_baseline(BASELINE)
    store.save_config(b"[gateway]\n")
    store.save_script("sha256:d1", "add table inet lbrouter\n")
    other = StateStore(store.directory)
    assert other.load_allocation() == FIRST
    assert other.load_baseline() == BASELINE
    assert other.load_config() == b"[gateway]\n"
    assert other.load_script("sha256:d1") == "add table inet lbrouter\n"
    assert other.warnings == []


def test_a_baseline_keeps_settings_and_links_alone(tmp_path: Path) -> None:
    address = Address(interface="eth0", address=ip_interface("192.0.2.1/24"))
    store = StateStore(tmp_path)
    store.save_baseline(KernelState(links=BASELINE.links, addresses=frozenset({address})))
    assert store.load_baseline() == KernelState(links=BASELINE.links)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_gives_way_to_its_previous_copy(tmp_path: Path, kind: str) -> None:
    store = StateStore(tmp_path)
    store.save_allocation(FIRST)
    store.save_allocation(SECOND)
    damage(tmp_path / "allocation.json", kind)
    assert store.load_allocation() == FIRST
    assert len(store.warnings) == 1
    assert "previous copy" in store.warnings[0]


@pytest.mark.parametrize("kind", DAMAGES)
def test_with_both_copies_damaged_nothing_is_remembered(tmp_path: Path, kind: str) -> None:
    store = StateStore(tmp_path)
    store.save_allocation(FIRST)
    store.save_allocation(SECOND)
    damage(tmp_path / "allocation.json", kind)
    damage(tmp_path / "allocation.json.1", kind)
    assert store.load_allocation() == Allocation()
    assert "ignored" in store.warnings[0]


def test_a_damaged_file_never_replaces_the_good_copy(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save_allocation(FIRST)
    store.save_allocation(SECOND)
    damage(tmp_path / "allocation.json", "truncated")
    store.save_allocation(SECOND)
    damage(tmp_path / "allocation.json", "truncated")
    assert store.load_allocation() == FIRST


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save_allocation(FIRST)
    (tmp_path / "allocation.json").rename(tmp_path / "allocation.json.1")
    assert store.load_allocation() == FIRST


def test_a_file_of_something_else_is_ignored_with_a_warning(tmp_path: Path) -> None:
    atomic_file.write(tmp_path / "allocation.json", b'{"something": "else"}')
    store = StateStore(tmp_path)
    assert store.load_allocation() == Allocation()
    assert "is damaged (uplinks: Field required)" in store.warnings[0]


def damage(file: Path, kind: str) -> None:
    file.write_bytes(DAMAGES[kind](file.read_bytes()))


def test_the_last_three_rulesets_are_kept(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    for number in range(5):
        store.save_script(f"d{number}", f"# {number}")
        os.utime(tmp_path / "rulesets" / f"d{number}.nft", (number, number))
    store.save_script("d2", "# 2")
    kept = {number for number in range(5) if store.load_script(f"d{number}") is not None}
    assert kept == {2, 3, 4}


def test_a_directory_that_is_a_file_is_refused_before_a_change(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(NotAppliedError, match="cannot be written"):
        StateStore(tmp_path / "state").require_writable()


UNWRITABLE_DISKS = {
    "full": ("mount -t tmpfs -o size=64k none {0}", "No space left"),
    "read-only": ("mount -t tmpfs none {0} && mount -o remount,ro {0}", "Read-only"),
}


@pytest.mark.parametrize("kind", UNWRITABLE_DISKS)
def test_a_full_or_read_only_disk_is_refused_before_a_change(tmp_path: Path, kind: str) -> None:
    """In a mount namespace of its own, so that no mount is left behind whatever happens."""
    mount, reason = UNWRITABLE_DISKS[kind]
    script = (
        "from pathlib import Path; from lbrouter.kernel.storage.store import StateStore;"
        f"StateStore(Path('{tmp_path}')).require_writable()"
    )
    command = f'{mount.format(tmp_path)} && {sys.executable} -c "{script}"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert (
        f"NotAppliedError: The state directory {tmp_path} cannot be written: {reason}"
        in done.stderr
    )


def test_a_writable_directory_is_left_as_it_was(tmp_path: Path) -> None:
    StateStore(tmp_path).require_writable()
    assert list(tmp_path.iterdir()) == []


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    run, message = tmp_path / "run", f"process {os.getpid()} holds"
    with exclusive_lock(run), pytest.raises(NotAppliedError, match=message), exclusive_lock(run):
        pytest.fail("two writers at once")
    with exclusive_lock(tmp_path / "run"):
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755


def test_a_writer_that_was_killed_holds_no_lock(tmp_path: Path) -> None:
    take = (
        "import os, signal; from pathlib import Path;"
        "from lbrouter.kernel.storage.lock import exclusive_lock;"
        f"exclusive_lock(Path('{tmp_path}')).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", take], check=False)
    assert done.returncode == -9
    with exclusive_lock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(NotAppliedError, match="cannot be used"), exclusive_lock(tmp_path / "run"):
        pytest.fail("a lock in a file")


def test_a_lock_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAppliedError, match="cannot be used"), exclusive_lock(tmp_path):
        pytest.fail("a lock behind a link")
    assert not (tmp_path / "elsewhere").exists()
