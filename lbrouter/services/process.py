"""Processes that outlive the command that started them: found by their command line, never by name.

A pid file alone proves nothing (the number may have a new owner), so the command line in
/proc/PID/cmdline must have an argument that only ours has. See proc(5), pidfd_open(2).
"""

import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

PROGRAM_SEARCH_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

TERMINATE_TIMEOUT_S: Final = 3.0
"""After this long a process that was asked to end is killed."""

PROC: Final = Path("/proc")
SYSTEMD_RUNTIME_DIR: Final = Path("/run/systemd/system")
"""There when systemd is process 1: sd_booted(3)."""


def under_systemd() -> bool:
    """Whether a transient unit would run where we do: units are started in the first namespace."""
    try:
        return SYSTEMD_RUNTIME_DIR.is_dir() and (PROC / "1/ns/net").samefile(PROC / "self/ns/net")
    except OSError:
        return False


def find_pids(argument: str, pid_file: Path) -> tuple[int, ...]:
    """Process ids whose command line has `argument`; all are searched if the pid file is wrong."""
    try:
        named: int | None = int(pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        named = None
    if named is not None and argument in command_line(named):
        return (named,)
    running = (int(each.name) for each in PROC.iterdir() if each.name.isdigit())
    return tuple(pid for pid in running if argument in command_line(pid))


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


def terminate(pid: int, argument: str) -> None:
    """Ask the process to end, wait until it has, kill it if it does not.

    The handle is taken first and the command line read again: from then on the number cannot
    change its owner unnoticed.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if argument in command_line(pid):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
            # Wait for the end: a pidfd becomes readable with it.
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if poll.poll(TERMINATE_TIMEOUT_S * 1000):
                return
    finally:
        os.close(handle)
