"""Runs commands for the lab's hosts, and talks to processes that keep running."""

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from lbrouter.model.errors import DefectError, UnavailableError

JsonRow = dict[str, Any]
"""One line of JSON from a host of the lab."""

LAB_COMMAND_TIMEOUT_S = 120.0
"""For commands that take a second: an emulated processor takes fifty times as long."""

TERMINATION_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""Signals that end a rehearsal."""

AGENTS = Path(__file__).parents[1] / "agents"


class LabError(DefectError):
    """A command of the lab itself failed: the venue could not be built or run."""


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    timeout_s: float = LAB_COMMAND_TIMEOUT_S,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, whatever its exit code. UnavailableError without the program."""
    try:
        return subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=env,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{argv[0]} is not installed", remedy=str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{shlex.join(argv)} hangs: no end within {timeout_s:.0f} s") from error


def check_output(
    argv: Sequence[str], *, stdin: str = "", timeout_s: float = LAB_COMMAND_TIMEOUT_S
) -> str:
    """Standard output of `argv`. Raises LabError when it fails."""
    done = run(argv, stdin=stdin, timeout_s=timeout_s)
    if done.returncode:
        raise LabError(
            f"{shlex.join(argv)} failed ({done.returncode}): {done.stderr.strip()}",
            remedy=stdin.strip(),
        )
    return done.stdout


def agent_argv(module: str) -> list[str]:
    """Command line that runs one of the lab's own programs by its path.

    By path and isolated (`-I -S`): such a program needs the standard library alone, and starts in
    a fifth of the time that importing the whole package would take, once for each host.
    """
    return [sys.executable, "-I", "-S", str(AGENTS / f"{module}.py")]


def poll_until(condition: Callable[[], bool], *, within_s: float, interval_s: float = 0.1) -> bool:
    """Wait until `condition` holds; whether it did in time."""
    deadline, pause = time.monotonic() + within_s, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(interval_s)
    return True


def wait_or_fail(
    condition: Callable[[], bool], what: str, *, within_s: float = LAB_COMMAND_TIMEOUT_S
) -> None:
    """Wait until `condition` holds. Raises LabError if it does not in time."""
    if not poll_until(condition, within_s=within_s, interval_s=0.01):
        raise LabError(f"waited {within_s:.0f} s for {what}, but it did not happen")


class LabProcess:
    """A process of the lab in the background; closing its standard input asks it to finish."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, word: str) -> Any:
        """Send one line, read one line of JSON."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self._raise_failure()
        return self.read_json()

    def read_json(self) -> Any:
        """The next line of JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self._raise_failure()
        return json.loads(line)

    def result(self, *, timeout_s: float = LAB_COMMAND_TIMEOUT_S) -> list[JsonRow]:
        """Let it end by itself (input stays open), then all lines that it prints."""
        assert self.process.stdout is not None
        # A timer, started, that kills `process`: a host that hangs must not hang the rehearsal.
        timer = threading.Timer(timeout_s, self.process.kill)
        timer.daemon = True
        timer.start()
        lines = self.process.stdout.readlines()
        timer.cancel()
        if self.process.wait():
            self._raise_failure()
        self.close()
        return [json.loads(line) for line in lines]

    def stop(self, *, timeout_s: float = LAB_COMMAND_TIMEOUT_S) -> list[JsonRow]:
        """Ask it to finish now, then as `result`."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.result(timeout_s=timeout_s)

    def close(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                _close_pipe(pipe)

    def _raise_failure(self) -> NoReturn:
        self.process.kill()
        assert self.process.stderr is not None
        said = self.process.stderr.read().strip()
        code = self.process.wait()
        self.close()
        raise LabError(f"{shlex.join(self.argv)} ended ({code})", remedy=said)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold back the signals that would end this thread, so that the cleanup is complete."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close_pipe(pipe: IO[str]) -> None:
    with suppress(BrokenPipeError):  # it died with a line of ours unread
        pipe.close()
