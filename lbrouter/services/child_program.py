"""`ChildProgram`: a program that we start ourselves, and that outlives us.

Which process it is stands in a file of root's: its number, and the moment of its start. Words on a
command line prove nothing, for any user may choose them. They are asked for where that file is
missing (a crash in between, a start by an earlier release), and then only of root's processes and
of those of the program's own user.
"""

from pathlib import Path

from lbrouter.model.managed_process import ManagedProcess
from lbrouter.services import process
from lbrouter.services.process import ProcessIdentity
from lbrouter.services.program_host import Program, run_to_background
from lbrouter.system import atomic_file


class ChildProgram:
    """One program of one runtime directory."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def pids(self) -> tuple[int, ...]:
        """As `ProgramHost.pids`."""
        return tuple(identity.pid for identity in self._identities())

    def argv(self) -> tuple[str, ...]:
        """As `ProgramHost.argv`."""
        here = [pid for pid in self.pids() if process.is_in_our_netns(pid)]
        return process.command_line(here[0]) if here else ()

    def start(self, wanted: ManagedProcess) -> str:
        """As `ProgramHost.start`. What it started is recorded."""
        program = self._program
        said = run_to_background((*program.launcher, *wanted.argv), program)
        if not said:
            self._record_started()
        return said

    def reload(self) -> None:
        """As `ProgramHost.reload`."""
        for identity in self._identities():
            process.request_reload(identity)

    def stop(self) -> None:
        """As `ProgramHost.stop`. Raises PermissionError."""
        for identity in self._identities():
            process.terminate(identity)
        self._program.record_file.unlink(missing_ok=True)
        self._program.pid_file.unlink(missing_ok=True)

    def _record_started(self) -> None:
        """Some programs write their number themselves; for the others we do."""
        program = self._program
        found = [pid for pid in (read_number(program.pid_file),) if pid is not None]
        identities = [process.identify(pid) for pid in found or self._trusted_pids()]
        for identity in filter(None, identities):
            text = f"{identity.pid} {identity.started_ticks}\n"
            atomic_file.replace(program.record_file, text.encode("ascii"))
            if not found:
                atomic_file.replace(program.pid_file, f"{identity.pid}\n".encode("ascii"))
            return

    def _identities(self) -> tuple[ProcessIdentity, ...]:
        recorded = _read_record(self._program.record_file)
        if recorded is not None:
            same = process.identify(recorded.pid) == recorded and self._has_mark(recorded.pid)
            return (recorded,) if same else ()
        return tuple(filter(None, map(process.identify, self._trusted_pids())))

    def _trusted_pids(self) -> tuple[int, ...]:
        """Processes with our words, of users that nothing else runs as."""
        marked = (pid for pid in process.all_pids() if self._has_mark(pid))
        return tuple(pid for pid in marked if process.owner(pid) in self._program.owners)

    def _has_mark(self, pid: int) -> bool:
        return self._program.mark in process.command_line(pid)


def _read_record(file: Path) -> ProcessIdentity | None:
    try:
        pid, ticks = map(int, file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return ProcessIdentity(pid=pid, started_ticks=ticks)


def read_number(file: Path) -> int | None:
    """The number in a pid file; None where there is none."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
