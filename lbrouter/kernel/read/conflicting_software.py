"""Programs that may change the same interfaces, known by their processes, units and files.

None of them is contacted: a program that hangs must not hang the doctor.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lbrouter.model.messages.phrase import phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictingProgram:
    """A program that runs here. `problem` is what it may do to us, "" where it is set up well."""

    name: str
    problem: str
    remedy: str = ""


FILESYSTEM_ROOT: Final = Path("/")

NETWORKD_FOREIGN_KEYS: Final = (
    "ManageForeignRoutes",
    "ManageForeignRoutingPolicyRules",
    "ManageForeignNextHops",
)

NETWORKD_CONFIG_DIRS: Final = ("etc", "run", "usr/local/lib", "usr/lib")

UNIT_GROUPS: Final = "sys/fs/cgroup/system.slice"
CONFLICTING_UNITS: Final = {
    "systemd-network": "systemd-networkd.service",
    "NetworkManager": "NetworkManager.service",
    "dockerd": "docker.service",
    "firewalld": "firewalld.service",
}
"""By process."""

FORWARD_DROPPING_PROGRAMS: Final = {
    "dockerd": (
        "Docker",
        phrase(
            "sets the iptables policy of FORWARD to drop, which stops the VLANs' packets as well"
        ),
        phrase("iptables -I DOCKER-USER -j ACCEPT for each interface of the file (-i and -o)"),
    ),
    "firewalld": (
        "firewalld",
        phrase("forwards nothing that its zones do not allow"),
        phrase("systemctl disable --now firewalld: lbrouter brings the firewall"),
    ),
}
"""By process: tables of their own that drop what ours accept. In nftables a drop is final."""


def conflicting_programs(root: Path = FILESYSTEM_ROOT) -> Iterator[ConflictingProgram]:
    """Those that run or are switched on, seen from the file system at `root`."""
    running = running_processes(root)
    if "systemd-network" in running:
        yield _check_networkd(root)
    if "NetworkManager" in running:
        files = (root / "etc/NetworkManager/conf.d").glob("*.conf")
        configured = any("unmanaged-devices" in _read_text(file) for file in files)
        yield ConflictingProgram(
            name="NetworkManager",
            problem="" if configured else "may configure the interfaces of the file in its own way",
            remedy="nmcli device set INTERFACE managed no, and unmanaged-devices in"
            " /etc/NetworkManager/conf.d",
        )
    for process, (name, trouble, remedy) in FORWARD_DROPPING_PROGRAMS.items():
        if process in running:
            yield ConflictingProgram(name=name, problem=trouble, remedy=remedy)
    if re.search(r"^ENABLED=yes", _read_text(root / "etc/ufw/ufw.conf"), re.MULTILINE):
        trouble = phrase("drops forwarded packets that its own rules do not allow")
        yield ConflictingProgram(
            name="ufw", problem=trouble, remedy=phrase("ufw disable: lbrouter brings the firewall")
        )


def running_processes(root: Path) -> frozenset[str]:
    """Names of all processes, as the kernel cuts them (15 characters).

    The daemon's unit sees no other process; the units that run have control groups, which it sees.
    """
    by_unit = (
        process
        for process, unit in CONFLICTING_UNITS.items()
        if (root / UNIT_GROUPS / unit).is_dir()
    )
    seen = (_read_text(file).strip() for file in root.glob("proc/[0-9]*/comm"))
    return frozenset((*by_unit, *seen))


def _check_networkd(root: Path) -> ConflictingProgram:
    """It deletes foreign routes and rules when it starts, unless it is configured not to."""
    # Which file wins is not worked out: they rarely disagree.
    files: list[Path] = []
    for place in NETWORKD_CONFIG_DIRS:
        files += [root / place / "systemd/networkd.conf"]
        files += sorted((root / place / "systemd/networkd.conf.d").glob("*.conf"))
    settings = "\n".join(_read_text(file) for file in files)
    unsaid = [
        key
        for key in NETWORKD_FOREIGN_KEYS
        if re.search(rf"^\s*{key}\s*=\s*(no|false|off|0)\s*$", settings, re.MULTILINE) is None
    ]
    return ConflictingProgram(
        name="systemd-networkd",
        problem=phrase(
            "deletes what it did not make when it restarts ({unsaid})", unsaid=", ".join(unsaid)
        )
        if unsaid
        else "",
        remedy=phrase(
            "write /etc/systemd/networkd.conf.d/lbrouter.conf: [Network], {settings}",
            settings=", ".join(f"{key}=no" for key in NETWORKD_FOREIGN_KEYS),
        ),
    )


def _read_text(file: Path) -> str:
    """The text of a file that may not exist, or vanish while it is read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
