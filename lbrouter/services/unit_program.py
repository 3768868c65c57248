"""`UnitProgram`: a program in a unit of systemd, with the user, rights and filters of its file."""

from contextlib import suppress
from typing import Final

from lbrouter.model.managed_process import ManagedProcess
from lbrouter.services.child_program import ChildProgram, read_number
from lbrouter.services.program_host import (
    Program,
    ProgramHost,
    run_to_background,
)
from lbrouter.services.systemd import is_installed, under_systemd, unit_pids

MAX_PROGRAM_ERROR_CHARS: Final = 2000


class UnitProgram:
    """One program, whose unit's file has the command line `Program.argv`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._child = ChildProgram(program)

    def pids(self) -> tuple[int, ...]:
        """As `ProgramHost.pids`; one that was started without the unit counts as well."""
        running = unit_pids(self._program.unit)
        named = read_number(self._program.pid_file)
        return (named,) if named in running else running[:1] or self._child.pids()

    def argv(self) -> tuple[str, ...]:
        """As `ProgramHost.argv`. One without its unit has none: it is replaced."""
        return self._program.argv if unit_pids(self._program.unit) else ()

    def start(self, wanted: ManagedProcess) -> str:
        """As `ProgramHost.start`."""
        del wanted  # the unit's file says how
        said = run_to_background(("systemctl", "start", self._program.unit), self._program)
        return said and (self._own_words() or said)

    def reload(self) -> None:
        """As `ProgramHost.reload`; systemd sends it, for we have no right to."""
        whom = ("--kill-whom=main", "--signal=HUP")
        if unit_pids(self._program.unit):
            run_to_background(("systemctl", "kill", *whom, self._program.unit), self._program)
        else:
            self._child.reload()

    def stop(self) -> None:
        """As `ProgramHost.stop`."""
        units = filter(None, (self._program.unit, self._program.former_unit))
        run_to_background(("systemctl", "stop", *units), self._program)
        self._child.stop()
        self._program.error_file.unlink(missing_ok=True)

    def _own_words(self) -> str:
        with suppress(OSError):
            text = self._program.error_file.read_text(encoding="utf-8", errors="replace")
            return text[-MAX_PROGRAM_ERROR_CHARS:].strip()
        return ""


def host_of(program: Program) -> ProgramHost:
    """Where this program of this gateway runs."""
    in_unit = bool(program.unit) and is_installed(program.unit) and under_systemd()
    return UnitProgram(program) if in_unit else ChildProgram(program)
