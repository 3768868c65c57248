"""The units: known to systemd, and hardened as far as the work allows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lbrouter.compile.services.dnsmasq import DnsmasqPaths, dnsmasq_argv
from lbrouter.compile.services.pppd import PppdPaths, pppd_argv
from lbrouter.model.sections.device_names import ppp_device_name
from lbrouter.services.dnsmasq import DNSMASQ_OWN_USER, DNSMASQ_UNIT
from lbrouter.services.pppd_start import PPPD_UNIT
from lbrouter.services.program_host import UNITS_RUNTIME_DIR, UNITS_STATE_DIR

PACKAGING = Path(__file__).parents[2] / "packaging"
DAEMON, GUARD = PACKAGING / "lbrouter.service", PACKAGING / "lbrouter-guard.service"
EXPOSURE_PATTERN = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)

MOST_EXPOSURE = {
    "lbrouter.service": 2.0,
    "lbrouter-guard.service": 1.5,
    # It opens low ports, and becomes another user.
    "lbrouter-dnsmasq.service": 2.3,
    # root, /dev/ppp and frames of its own.
    "lbrouter-pppd@.service": 2.4,
}


def exposure(unit: Path) -> float:
    """systemd's own figure, from 0 (nothing to gain) to 10."""
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = EXPOSURE_PATTERN.search(done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


@needs_systemd
@pytest.mark.parametrize("name", MOST_EXPOSURE)
def test_the_exposure_of_a_unit(name: str) -> None:
    assert exposure(PACKAGING / name) <= MOST_EXPOSURE[name]


def test_each_unit_has_a_bound() -> None:
    assert {unit.name for unit in PACKAGING.glob("*.service")} == MOST_EXPOSURE.keys()


def exec_start(unit: Path) -> tuple[str, ...]:
    """The command line of a unit; the program by its name alone."""
    [line] = re.findall("^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    program, *arguments = line.split()
    return (Path(program).name, *arguments)


def test_a_program_runs_by_the_same_command_line_with_and_without_its_unit() -> None:
    own = DNSMASQ_OWN_USER
    paths = DnsmasqPaths(
        runtime_dir=UNITS_RUNTIME_DIR, state_dir=UNITS_STATE_DIR, user=own, group=own
    )
    assert exec_start(PACKAGING / DNSMASQ_UNIT) == dnsmasq_argv(paths)
    session = PppdPaths(runtime_dir=UNITS_RUNTIME_DIR, device=ppp_device_name("%i"))
    assert exec_start(PACKAGING / PPPD_UNIT.format(line="")) == pppd_argv(session)
    made = (PACKAGING / "lbrouter.sysusers").read_text(encoding="utf-8")
    assert f"\nu {own} " in made


def syscalls_of(name: str) -> frozenset[str]:
    """The system calls of a group, or the one of that name."""
    if not name.startswith("@"):
        return frozenset({name})
    argv = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    words = (line.strip() for line in lines if line.startswith(" ") and "#" not in line)
    return frozenset[str]().union(*map(syscalls_of, words))


def allowed_syscalls(unit: Path) -> frozenset[str]:
    """What its filter lets pass; a line adds to those before it, with ~ it takes away."""
    found = frozenset[str]()
    for line in unit.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "SystemCallFilter":
            meant = frozenset[str]().union(*map(syscalls_of, value.lstrip("~").split()))
            found = found - meant if value.startswith("~") else found | meant
    return found


@needs_systemd
def test_dnsmasq_may_become_a_user_of_its_own() -> None:
    """It ends at once when one of these fails, and the clients get no addresses."""
    needed = {"setgroups", "setgid", "setuid", "capset"}
    assert needed <= allowed_syscalls(PACKAGING / DNSMASQ_UNIT)
    for unit in (DAEMON, GUARD):
        assert "setuid" not in allowed_syscalls(unit)


@needs_systemd
def test_systemd_knows_every_directive() -> None:
    argv = ["systemd-analyze", "verify", "--man=no", *map(str, PACKAGING.glob("*.service"))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    complaints = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "is not executable" not in line and "lbrouter" in line
    ]
    assert complaints == []
