"""Where systemd runs this machine: whether it may start programs for us, and what a unit runs.

A unit's processes are those of its control group: no other process can be in there, whatever its
words and its user are. See sd_booted(3), cgroups(7).
"""

from pathlib import Path
from typing import Final

SYSTEMD_RUNTIME_DIR: Final = Path("/run/systemd/system")
"""There when systemd is process 1."""

DAEMON_UNIT: Final = "lbrouter.service"
UNIT_DIRECTORIES: Final = tuple(
    Path(directory) for directory in ("/etc/systemd/system", "/usr/lib/systemd/system")
)
SYSTEM_SLICE: Final = Path("/sys/fs/cgroup/system.slice")


def under_systemd() -> bool:
    """Whether a unit would run where we do: units are started in the first network namespace."""
    if not (SYSTEMD_RUNTIME_DIR.is_dir() and SYSTEM_SLICE.is_dir()):
        return False
    try:
        # The daemon's unit may not look at process 1; that it is this unit says the same.
        if Path("/proc/self/cgroup").read_text(encoding="utf-8").strip().endswith(DAEMON_UNIT):
            return True
        return Path("/proc/1/ns/net").samefile("/proc/self/ns/net")
    except OSError:
        return False


def is_installed(unit: str) -> bool:
    """Whether there is a file for the unit; that of `a@b.service` is `a@.service`."""
    name, at, _ = unit.partition("@")
    file = f"{name}@.service" if at else unit
    return any((directory / file).exists() for directory in UNIT_DIRECTORIES)


def unit_pids(unit: str) -> tuple[int, ...]:
    """The processes of a unit of the system's slice; none where it does not run."""
    try:
        text = (SYSTEM_SLICE / unit / "cgroup.procs").read_text(encoding="ascii")
    except OSError:
        return ()
    return tuple(map(int, text.split()))
