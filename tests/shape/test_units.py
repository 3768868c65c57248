"""The units: known to systemd, and hardened as far as the work allows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
DAEMON, GUARD = PACKAGING / "lbrouter.service", PACKAGING / "lbrouter-guard.service"
FIGURE = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)

PROGRAMS = {
    "CapabilityBoundingSet": "CAP_NET_ADMIN CAP_NET_RAW",
    "RestrictAddressFamilies": "AF_UNIX AF_NETLINK AF_INET AF_INET6",
    "DeviceAllow": None,
    "BindPaths": None,
}
"""What the daemon alone would need, without dnsmasq, pppd and DHCP on the uplinks."""


def exposure(unit: Path) -> float:
    """systemd's own figure, from 0 (nothing to gain) to 10."""
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = FIGURE.search(done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


@needs_systemd
@pytest.mark.parametrize("unit, most", [(DAEMON, 2.8), (GUARD, 1.6)], ids=["daemon", "guard"])
def test_the_exposure_of_a_unit(unit: Path, most: float) -> None:
    assert exposure(unit) <= most


@needs_systemd
def test_what_the_daemon_alone_would_be_exposed_to(tmp_path: Path) -> None:
    """The figure that the programs for clients and lines cost is the difference."""
    lines = []
    for line in DAEMON.read_text(encoding="utf-8").splitlines():
        key = line.partition("=")[0]
        if key not in PROGRAMS:
            lines.append(line)
        elif PROGRAMS[key] is not None:
            lines.append(f"{key}={PROGRAMS[key]}")
    alone = tmp_path / DAEMON.name
    alone.write_text("\n".join(lines), encoding="utf-8")
    assert exposure(alone) <= 2.1


@needs_systemd
def test_systemd_knows_every_word() -> None:
    argv = ["systemd-analyze", "verify", "--man=no", str(DAEMON), str(GUARD)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    complaints = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "/usr/bin/lbrouter is not executable" not in line and "lbrouter" in line
    ]
    assert complaints == []
