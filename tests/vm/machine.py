"""One emulated machine: Debian's own kernel over this machine's file system, for one pytest run.

virtme-ng starts QEMU without KVM: nested virtualisation is often offered and seldom works, and an
emulated processor gives the same result everywhere.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
KERNEL = ROOT / ".cache/vm/kernel"
GUEST_SCRIPT = ROOT / "tests/vm/guest.sh"
GUEST_MEMORY = "2G"
BOOT_AND_SHUTDOWN_S = 120
"""Bound of what comes before and after the tests: boot and switching off. Usually 10 s."""


class CannotBootError(Exception):
    """This machine lacks what the VM needs; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRun:
    """All that the VM left behind. Times in seconds."""

    boot_s: float
    whole_s: float
    processor_s: float
    """Processor time of the VM: says more than the clock where other programs run beside it."""
    release: str
    features: dict[str, str]
    """Name of each feature that was tried: "yes" or "no"."""
    ended: bool
    """Whether pytest came to its own end within its bound."""
    log: str
    reports: tuple[dict[str, Any], ...]
    """pytest's own reports, in its serial form."""
    unfinished: tuple[str, ...]
    """Tests that were started and have no report of their end."""


def require_vm_tools() -> None:
    """Raises CannotBootError where the VM cannot be started."""
    if not KERNEL.exists():
        raise CannotBootError("no Debian kernel in .cache/vm: `make setup` says why")
    for tool in ("qemu-system-x86_64", "busybox", "file"):
        if shutil.which(tool) is None:
            raise CannotBootError(f"{tool} is not installed: `make setup` installs it")
    if not (TOOLS / "vng").exists():
        raise CannotBootError("virtme-ng is not in .venv: `make setup` installs it")


def run_pytest(arguments: list[str], *, host_lacks: frozenset[str], within_s: int) -> GuestRun:
    """Boots, runs `pytest ARGUMENTS` inside, and reads its results.

    Inside, pytest is interrupted after `within_s`. Raises TimeoutError when the VM hangs, and
    RuntimeError when it never came up, each with the end of what it said.
    """
    require_vm_tools()
    folder = fresh_folder()
    start, used = time.monotonic(), processor_time()
    boot(
        [" ".join(sorted(host_lacks)), str(within_s), *arguments],
        folder,
        within_s + BOOT_AND_SHUTDOWN_S,
    )
    if not (folder / "ready").exists():
        message = f"the VM did not come up\n{log_tails(folder)}"
        raise RuntimeError(message)
    reports, unfinished = read_reports(folder / "reports.jsonl")
    return GuestRun(
        boot_s=float((folder / "booted").read_text()),
        whole_s=time.monotonic() - start,
        processor_s=processor_time() - used,
        release=KERNEL.resolve().name.removeprefix("vmlinuz-"),
        features=dict(line.split() for line in (folder / "features").read_text().splitlines()),
        ended=(folder / "status").exists()
        and (folder / "status").read_text().strip() in {"0", "1"},
        log=log_tails(folder),
        reports=reports,
        unfinished=unfinished,
    )


def run_benchmarks(names: list[str], *, within_s: int) -> str:
    """Boots, runs `python -m bench NAMES` inside; its table. Raises as `run`."""
    require_vm_tools()
    folder = fresh_folder()
    boot(["bench", str(within_s), *names], folder, within_s + BOOT_AND_SHUTDOWN_S)
    status = folder / "status"
    if not status.exists() or status.read_text().strip() != "0":
        message = f"the benchmarks inside did not come to their end\n{log_tails(folder)}"
        raise RuntimeError(message)
    return (folder / "table").read_text(encoding="utf-8")


def fresh_folder() -> Path:
    """An empty folder that stays after the run, to find out what happened inside."""
    folder = ROOT / ".cache/vm/run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def boot(arguments: list[str], folder: Path, within_s: int) -> None:
    """Runs guest.sh in the VM until it switches itself off."""
    command = [
        TOOLS / "vng", "--disable-kvm", "--run", KERNEL.resolve(), "--cpus", "2",
        "--memory", GUEST_MEMORY,
        f"--rwdir=/mnt={folder}", f"--rodir=/boot={ROOT}", "--rodir=/media=/usr",
        "--", "bash", GUEST_SCRIPT, ROOT, *arguments,
    ]  # fmt: skip
    path = f"{TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin"
    with (folder / "console.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PATH": path}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            message = f"the VM was not done within {within_s} s\n{log_tails(folder)}"
            raise TimeoutError(message) from None
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole session of the VM, whatever is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def processor_time() -> float:
    """What the ended children of this process took, in seconds of one processor."""
    times = os.times()
    return times.children_user + times.children_system


def log_tails(folder: Path) -> str:
    """The last lines of what the VM said."""
    paths = [folder / name for name in ("console.log", "features.log", "pytest.log")]
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in paths if path.exists())


def read_reports(path: Path) -> tuple[tuple[dict[str, Any], ...], tuple[str, ...]]:
    """Reports in their order, and the tests that have none of their end."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    reports = tuple(line for line in lines if "started" not in line)
    ended = {line["nodeid"] for line in reports if line.get("when") == "teardown"}
    started = [line["started"] for line in lines if "started" in line]
    return reports, tuple(nodeid for nodeid in started if nodeid not in ended)
