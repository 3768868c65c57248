"""One emulated machine: Debian's own kernel over this machine's file system, for one pytest run.

virtme-ng starts QEMU without KVM: nested virtualisation is often offered and seldom works, and an
emulated processor gives the same result everywhere.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
KERNEL = ROOT / ".cache/vm/kernel"
GUEST = ROOT / "tests/vm/guest.sh"
MEMORY = "2G"
AROUND_S = 120
"""Bound of what comes before and after the tests: boot, unpacking, switching off. Usually 25 s."""


class CannotBootError(Exception):
    """This machine lacks what the VM needs; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One inner test: its name, and the text of its failure or the reason of its skip."""

    name: str
    seconds: float
    failure: str | None
    skipped: str | None

    @property
    def result(self) -> Literal["passed", "failed", "skipped"]:
        """The word that pytest has for it."""
        if self.failure is not None:
            return "failed"
        return "passed" if self.skipped is None else "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All that the VM left behind. Times in seconds."""

    boot_s: float
    inside_s: float
    whole_s: float
    processor_s: float
    release: str
    features: dict[str, str]
    status: int
    log: str
    outcomes: tuple[Outcome, ...]


def require() -> None:
    """Raises CannotBootError where the VM cannot be started."""
    if not KERNEL.exists():
        raise CannotBootError("no Debian kernel in .cache/vm: `make setup` says why")
    for tool in ("qemu-system-x86_64", "busybox", "file"):
        if shutil.which(tool) is None:
            raise CannotBootError(f"{tool} is not installed: `make setup` installs it")
    if not (TOOLS / "vng").exists():
        raise CannotBootError("virtme-ng is not in .venv: `make setup` installs it")


def fresh_folder() -> Path:
    """An empty folder that stays after the run, for whoever wants to know what happened inside."""
    folder = ROOT / ".cache/vm/run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def run(arguments: list[str], *, folder: Path, within_s: int) -> Run:
    """Boots, runs `pytest ARGUMENTS` inside, and reads the results from `folder`.

    Inside, pytest is interrupted after `within_s`. Raises TimeoutError when the VM hangs.
    """
    require()
    start = time.monotonic()
    used = processor_time()
    boot(arguments, folder=folder, within_s=within_s)
    whole = time.monotonic() - start
    if not (folder / "status").exists():
        message = f"the VM ended without a result after {whole:.0f} s\n{console(folder)}"
        raise RuntimeError(message)
    return read(folder, whole_s=whole, processor_s=processor_time() - used)


def processor_time() -> float:
    """What the ended children of this process took, in seconds of one processor."""
    times = os.times()
    return times.children_user + times.children_system


def boot(arguments: list[str], *, folder: Path, within_s: int) -> None:
    """Runs the VM until it switches itself off."""
    command = [
        TOOLS / "vng", "--disable-kvm", "--run", KERNEL.resolve(), "--cpus", "2",
        "--memory", MEMORY,
        f"--rwdir=/mnt={folder}", f"--rodir=/boot={ROOT}", "--rodir=/media=/usr",
        "--", "bash", GUEST, ROOT, str(within_s), *arguments,
    ]  # fmt: skip
    path = f"{TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin"
    with (folder / "console.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PATH": path}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            process.wait(within_s + AROUND_S)
        except subprocess.TimeoutExpired:
            message = f"the VM was not done within {within_s + AROUND_S} s\n{console(folder)}"
            raise TimeoutError(message) from None
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole session of the VM, whatever is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def console(folder: Path) -> str:
    """The last lines of what the VM said."""
    texts = [(folder / name) for name in ("console.log", "features.log", "pytest.log")]
    return "\n".join(path.read_text(errors="replace")[-4000:] for path in texts if path.exists())


def read(folder: Path, *, whole_s: float, processor_s: float) -> Run:
    """Turns the files in `folder` into a `Run`."""
    booted, finished = (float((folder / name).read_text()) for name in ("booted", "finished"))
    lines = (folder / "features").read_text().splitlines()
    results = folder / "results.xml"
    return Run(
        boot_s=booted,
        inside_s=finished - booted,
        whole_s=whole_s,
        processor_s=processor_s,
        release=KERNEL.resolve().name.removeprefix("vmlinuz-"),
        features=dict(line.split() for line in lines),
        status=int((folder / "status").read_text()),
        log=(folder / "pytest.log").read_text(errors="replace"),
        outcomes=tuple(outcomes(results)) if results.exists() else (),
    )


def outcomes(path: Path) -> list[Outcome]:
    """What each test case of a JUnit file came to."""
    return [
        Outcome(
            name=f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name')}",
            seconds=float(case.get("time", 0)),
            failure=text_of(case, "failure") or text_of(case, "error"),
            skipped=text_of(case, "skipped"),
        )
        for case in ET.parse(path).iter("testcase")
    ]


def text_of(case: ET.Element, kind: str) -> str | None:
    """Message and text of the child `kind`, None without one."""
    child = case.find(kind)
    if child is None:
        return None
    return "\n".join(part for part in (child.get("message"), child.text) if part) or kind
