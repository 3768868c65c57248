"""Processes that outlive the command that started them: what /proc says of one, and its end.

Any user may start a process with our words on its command line, and a number gets a new owner. So a
process is told from others by its number with the moment of its start, and by the user that it
runs as. See proc(5), pidfd_open(2).
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROGRAM_SEARCH_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

TERMINATE_TIMEOUT_S: Final = 3.0
"""After this long a process that was asked to end is killed."""

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process of this boot: its number, and when it started (clock ticks since the boot)."""

    pid: int
    started_ticks: int


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has the number now; None where there is none, or it is dead."""
    # After the name in parentheses, which may hold anything: the state is the third field.
    fields = _read_text(PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX":
        return None
    return ProcessIdentity(pid=pid, started_ticks=int(fields[19]))


def owner(pid: int) -> int | None:
    """The user that a process runs as; None where it is gone, or changes between several.

    Not the owner of /proc/PID: a process that may not be dumped has root's directory there.
    """
    for line in _read_text(PROC / str(pid) / "status").splitlines():
        if line.startswith("Uid:"):
            users = set(map(int, line.split()[1:]))
            return users.pop() if len(users) == 1 else None
    return None


def all_pids() -> Iterator[int]:
    """The numbers of all processes that we may see."""
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments of a process; empty where it is gone or dead."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(raw).split("\0")[:-1])


def is_in_our_netns(pid: int) -> bool:
    """Whether the process serves this network namespace; one that is left in another does not.

    Each namespace has a /proc/PID/net/dev of its own, by its inode. /proc/PID/ns/net would say it
    outright, but of another user's process it may only be read with CAP_SYS_PTRACE.
    """
    try:
        theirs = (PROC / str(pid) / "net/dev").stat()
        return os.path.samestat(theirs, (PROC / "self/net/dev").stat())
    except OSError:
        return False


def terminate(identity: ProcessIdentity) -> None:
    """Ask the process to end, wait until it has, kill it if it does not.

    The handle is taken first and the process identified again: from then on the number cannot
    change its owner unnoticed. Raises PermissionError.
    """
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if identify(identity.pid) == identity:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
            if _wait_for_exit(handle):
                return
    finally:
        os.close(handle)


def request_reload(identity: ProcessIdentity) -> None:
    """Ask the process to read its files again (SIGHUP), if it still is this one."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if identify(identity.pid) == identity:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGHUP)
    finally:
        os.close(handle)


def _wait_for_exit(handle: int) -> bool:
    """Wait for the end: a pidfd becomes readable with it."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(TERMINATE_TIMEOUT_S * 1000))


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
