"""What runs beside the daemon and hangs: dnsmasq at its start, a webhook; devices by hundreds."""

import shutil
import sys
from pathlib import Path

from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.process import LabProcess

WEBHOOK_PORT = 8099
DEVICE_COUNT = 300

HANGING_DNSMASQ_SCRIPT = """#!/bin/sh
case "$*" in
*--test*) exec {real} "$@" ;;
esac
if [ -e {flag} ]; then
  touch {hanging}
  while [ -e {flag} ]; do sleep 0.2; done
  exit 1
fi
exec {real} "$@"
"""

MUTE_SERVER_SCRIPT = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
server.setblocking(False)
held = []
print("true", flush=True)
for _ in sys.stdin:
    try:
        while True:
            held.append(server.accept()[0])
    except BlockingIOError:
        pass
    print(len(held), flush=True)
"""


class HangingDnsmasq:
    """A dnsmasq that hangs at its start, in the mount namespace of the daemon alone.

    It checks a file as the real one does: what hangs is the start.
    """

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        real, script = folder / "dnsmasq.real", folder / "dnsmasq.sh"
        self._flag, self._hanging = folder / "hang", folder / "hanging"
        found = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin")
        assert found is not None, "apt install dnsmasq-base"
        shutil.copy(found, real)
        script.write_text(
            HANGING_DNSMASQ_SCRIPT.format(real=real, flag=self._flag, hanging=self._hanging),
            encoding="utf-8",
        )
        for each in (real, script):
            each.chmod(0o755)
        mount = f'mount --bind {script} {found} && exec "$@"'
        self.wrapper = ("unshare", "--mount", "sh", "-c", mount, "sh")

    def hang(self) -> None:
        """The next start hangs."""
        self._flag.touch()

    def is_hanging(self) -> bool:
        """Whether a start hangs now."""
        return self._hanging.exists()

    def release(self) -> None:
        """What hangs fails; the next start works."""
        self._flag.unlink(missing_ok=True)
        self._hanging.unlink(missing_ok=True)


def with_names(text: str) -> str:
    """The configuration with resolvers of its own: it needs a dnsmasq."""
    return text.replace("[gateway]\n", '[gateway]\ndns = ["9.9.9.9"]\n')


def with_webhook(text: str, server: str) -> str:
    """The configuration with alerts of each state to a server."""
    states = '["down", "up", "degraded", "waiting", "trouble", "move"]'
    return text + f'\n[alerts]\nwebhook = "http://{server}:{WEBHOOK_PORT}/"\non = {states}\n'


def start_mute_server(host: Host, address: str) -> LabProcess:
    """A server that accepts every connection and never says a word.

    Ask it anything for the number of its connections.
    """
    argv = [sys.executable, "-I", "-S", "-c", MUTE_SERVER_SCRIPT, address, str(WEBHOOK_PORT)]
    job = host.start(argv)
    job.read_json()
    return job


def add_devices_script() -> str:
    """A shell script that adds `DEVICE_COUNT` devices, one after the other, as containers do."""
    pairs = DEVICE_COUNT // 2
    return (
        f"for i in $(seq {pairs}); do ip link add many$i type veth peer name manyp$i"
        " && ip link set many$i up && ip link set manyp$i up; done"
    )
