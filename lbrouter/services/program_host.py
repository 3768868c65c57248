"""Where a program beside us runs: as a unit of systemd, or as a process that we start.

`Program` says what is the same for both. A unit has the rights and the filters of its file, which
the daemon lacks. In a namespace, or with directories of one's own, there is no unit: then the
program is started here, and goes to the background by itself.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import phrase
from lbrouter.services.process import PROGRAM_SEARCH_PATH

UNITS_RUNTIME_DIR: Final = Path("/run/lbrouter")
UNITS_STATE_DIR: Final = Path("/var/lib/lbrouter")
"""The directories that the files of the units name."""

PROGRAM_START_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of one gateway. `argv` is its whole command line, `mark` an argument of it that no
    program of another gateway has.
    """

    name: str
    argv: tuple[str, ...]
    mark: str
    pid_file: Path
    owners: frozenset[int]
    """Users that it may run as, of which each is root or for this program alone."""
    install_remedy: str
    launcher: tuple[str, ...] = ()
    """What stands before the command line where there is no unit."""
    unit: str = ""
    """Its unit, "" for a gateway with directories of its own."""
    former_unit: str = ""
    """What an earlier release started it as."""

    @property
    def record_file(self) -> Path:
        """Where it is kept which process we started."""
        return self.pid_file.with_suffix(".process")

    @property
    def error_file(self) -> Path:
        """What the unit's program said as it failed to start."""
        return self.pid_file.with_suffix(".error")


class ProgramHost(Protocol):
    """A program, wherever it runs."""

    def pids(self) -> tuple[int, ...]:
        """Its processes: none, or one."""

    def argv(self) -> tuple[str, ...]:
        """The command line of the running one; empty where it serves another namespace."""

    def start(self, wanted: ManagedProcess) -> str:
        """Start it. "" where it has opened all it needs and is in the background, else its error.

        Raises NotAppliedError where it does not finish its start, UnavailableError where it is
        not installed.
        """

    def reload(self) -> None:
        """Have it read its files again (SIGHUP); without a process nothing happens."""

    def stop(self) -> None:
        """End it, and forget it."""


def run_to_background(argv: Sequence[str], program: Program) -> str:
    """Run a command that returns when what it starts is ready; its error, "" where there is none.

    Raises as `ProgramHost.start`.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_START_TIMEOUT_S,
            start_new_session=True,
            check=False,
            cwd="/",
            env={"PATH": PROGRAM_SEARCH_PATH},
        )
    except FileNotFoundError as error:
        raise UnavailableError(
            phrase("{program} is not installed.", program=argv[0]), remedy=program.install_remedy
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(
            phrase("{name} did not finish its start.", name=program.name)
        ) from error
    if done.returncode == 0:
        return ""
    return (done.stderr or done.stdout).strip() or phrase("exit code {code}", code=done.returncode)
