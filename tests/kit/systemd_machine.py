"""`SystemdMachine`: systemd as process 1 of namespaces of its own, with our units installed.

Its file system is this machine's, with a layer in memory above it: nothing of it stays. Processes,
control groups and the network are its own, so units, their users, rights and filters are real.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.kit.wait import VM_SLOWDOWN, eventually

REPOSITORY: Final = Path(__file__).parents[2]
INSIDE: Final = "/opt/lbrouter"
"""Where the machine sees the checkout: units may not look into /tmp and /home."""

SYSTEMD: Final = Path("/usr/lib/systemd/systemd")

BOOT_SCRIPT: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
root="$1/root"
mkdir "$root"
over() {{  # a layer in memory over a file system of this machine
    mkdir -p "$1/upper$2" "$1/work$2"
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper$2,workdir=$1/work$2" "$root$2"
}}
mkdir "$1/first" "$1/second"
over "$1/first" /
if mountpoint --quiet /usr; then over "$1/second" /usr; fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
for directory in run tmp var/log var/lib/lbrouter etc/lbrouter; do
    mkdir -p "$root/$directory"
    mount -t tmpfs -o mode=755 tmpfs "$root/$directory"
done
mkdir -p "$root{inside}"
mount --rbind {repository} "$root{inside}"
printf '#!/bin/sh\\nPYTHONPATH={inside} exec {inside}/.venv/bin/python -m lbrouter "$@"\\n' \\
    >"$root/usr/bin/lbrouter"
chmod 755 "$root/usr/bin/lbrouter"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/lib/systemd/system/*.target.wants
cp {repository}/packaging/*.service "$root/etc/systemd/system/"
mkdir -p "$root/etc/sysusers.d"
cp {repository}/packaging/lbrouter.sysusers "$root/etc/sysusers.d/lbrouter.conf"
chroot "$root" systemd-sysusers lbrouter.conf
printf '[Unit]\\nRequires=basic.target systemd-journald.service\\nAfter=basic.target\\n' \\
    >"$root/etc/systemd/system/lab.target"
ip link set lo up
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    chroot "$root" {systemd} --system --unit=lab.target --log-target=null --show-status=no
"""


class SystemdMachine:
    """`with SystemdMachine(tmp_path) as machine:` boots it; the end of the block ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0

    def __enter__(self) -> Self:
        script = BOOT_SCRIPT.format(
            repository=shlex.quote(str(REPOSITORY)), inside=INSIDE, systemd=SYSTEMD
        )
        boot = ("/bin/sh", "-c", script, "sh", str(self._folder))
        unshare = ("unshare", "--mount", "--pid", "--net", "--cgroup", "--uts", "--ipc")
        with (self._folder / "boot.log").open("wb") as log:
            self._started = subprocess.Popen(
                [*unshare, "--fork", "--kill-child", *boot],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        assert eventually(self._is_booted, within_s=60), self._boot_log()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self.run("journalctl --no-pager --lines=60").stdout)
        # The end of process 1 ends all others of its namespace.
        self._started.kill()
        self._started.wait()

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside, as root with all rights."""
        enter = ("nsenter", "--all", f"--target={self._pid}", "--root", "--wd")
        argv = [*enter, "/bin/sh", "-c", script]
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=120 * VM_SLOWDOWN
        )

    def check(self, script: str) -> str:
        """Its output; AssertionError where it does not end with 0."""
        done = self.run(script)
        assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str, *, mode: str = "600") -> None:
        """Write a file inside."""
        place = shlex.quote(path)
        self.check(f"umask 077; printf %s {shlex.quote(text)} >{place}; chmod {mode} {place}")

    def unit_pid(self, unit: str) -> int:
        """The main process of a unit, as the machine counts; 0 where it does not run."""
        return int(self.check(f"systemctl show --value --property=MainPID {shlex.quote(unit)}"))

    def _is_booted(self) -> bool:
        assert self._started.poll() is None, self._boot_log()
        children = Path(f"/proc/{self._started.pid}/task/{self._started.pid}/children")
        found = children.read_text(encoding="ascii").split()
        if not found:
            return False
        self._pid = int(found[0])
        command = Path(f"/proc/{self._pid}/cmdline").read_bytes()
        if not command.startswith(str(SYSTEMD).encode()):
            return False
        return self.run("systemctl is-active --quiet lab.target").returncode == 0

    def _boot_log(self) -> str:
        return (self._folder / "boot.log").read_text(encoding="utf-8", errors="replace")


def why_no_systemd_machine() -> str:
    """Why none can be booted here, "" where it can."""
    if not SYSTEMD.exists() or sys.platform != "linux":
        return "systemd is not installed"
    filesystems = Path("/proc/filesystems").read_text(encoding="ascii").split()
    lacking = {"overlay", "cgroup2"} - set(filesystems)
    return f"the kernel lacks {', '.join(sorted(lacking))}" if lacking else ""
