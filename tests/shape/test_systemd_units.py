"""The units: known to systemd, and hardened as far as the work allows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
DAEMON, GUARD = PACKAGING / "lbrouter.service", PACKAGING / "lbrouter-guard.service"
EXPOSURE_PATTERN = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)

PROGRAMS = {
    "CapabilityBoundingSet": "CAP_NET_ADMIN CAP_NET_RAW",
    "RestrictAddressFamilies": "AF_UNIX AF_NETLINK AF_INET AF_INET6",
    "SystemCallFilter=@setuid capset": None,
    "DeviceAllow": None,
    "BindPaths": None,
}
"""What the daemon alone would need, without dnsmasq, pppd and DHCP on the uplinks."""


def exposure(unit: Path) -> float:
    """systemd's own figure, from 0 (nothing to gain) to 10."""
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = EXPOSURE_PATTERN.search(done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


@needs_systemd
@pytest.mark.parametrize("unit, most", [(DAEMON, 3.0), (GUARD, 1.6)], ids=["daemon", "guard"])
def test_the_exposure_of_a_unit(unit: Path, most: float) -> None:
    assert exposure(unit) <= most


@needs_systemd
def test_what_the_daemon_alone_would_be_exposed_to(tmp_path: Path) -> None:
    """The figure that the programs for clients and lines cost is the difference."""
    lines = []
    for line in DAEMON.read_text(encoding="utf-8").splitlines():
        key = line.partition("=")[0]
        if line not in PROGRAMS and key not in PROGRAMS:
            lines.append(line)
        elif PROGRAMS.get(key) is not None:
            lines.append(f"{key}={PROGRAMS[key]}")
    alone = tmp_path / DAEMON.name
    alone.write_text("\n".join(lines), encoding="utf-8")
    assert exposure(alone) <= 2.1


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
    assert {"setgroups", "setgid", "setuid", "capset"} <= allowed_syscalls(DAEMON)
    assert "setuid" not in allowed_syscalls(GUARD)  # which starts nothing


@needs_systemd
def test_systemd_knows_every_directive() -> None:
    argv = ["systemd-analyze", "verify", "--man=no", str(DAEMON), str(GUARD)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    complaints = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "/usr/bin/lbrouter is not executable" not in line and "lbrouter" in line
    ]
    assert complaints == []
