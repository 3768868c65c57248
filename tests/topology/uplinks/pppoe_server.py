"""A provider of PPPoE lines in a venue: Debian's pppoe-server, one password, real sessions."""

import os
import signal
from ipaddress import IPv6Network, ip_address
from pathlib import Path
from typing import Final

from lbrouter.rehearsal.lab.hosts import Isp
from lbrouter.rehearsal.lab.process import LabProcess

USER: Final = "event@isp"
PREFIX: Final = IPv6Network("2001:db8:9::/64")

ROUTER_ADVERT_ARGV: Final = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file"),
    *("--bind-interfaces", "--user=root", "--enable-ra"),
)

OPTIONS: Final = """\
auth
require-chap
mtu 1492
mru 1492
nodefaultroute
noccp
novj
+ipv6
lcp-echo-interval 10
lcp-echo-failure 3
logfile {log}
"""

MOUNT_NAMESPACE_SCRIPT: Final = """
mount -t tmpfs -o mode=755 none /etc/ppp
touch /etc/ppp/options
cp {folder}/chap-secrets /etc/ppp/chap-secrets
exec pppoe-server -F -I line -L {local} -R {remote} -N 5 -O {folder}/server.options
"""
"""In a mount namespace of its own: /etc/ppp of this machine is not for a test."""


class PppoeServer:
    """Serves sessions on the far end of a line, in place of the lab's static addresses."""

    def __init__(self, isp: Isp, folder: Path) -> None:
        self.isp, self.folder = isp, folder
        self.leg = next(leg for leg in isp.line.families if leg.address.version == 4)
        self.log = folder / "server.log"
        isp.check_output(["ip", "-4", "address", "flush", "dev", "line"])

    def serve(self, secret: str) -> LabProcess:
        """Answer from now on, to a client that knows `secret`."""
        escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
        secrets = self.folder / "chap-secrets"
        secrets.write_text(f'"{USER}" * "{escaped}" *\n', encoding="utf-8")
        secrets.chmod(0o600)
        options = self.folder / "server.options"
        options.write_text(OPTIONS.format(log=self.log), encoding="ascii")
        script = MOUNT_NAMESPACE_SCRIPT.format(
            folder=self.folder, local=self.leg.gateway, remote=self.leg.address.ip
        )
        argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", script]
        return self.isp.start(argv)

    def advertise(self) -> LabProcess:
        """Be a router of `PREFIX` for the session, which answers router solicitations."""
        session = self.device()
        address = f"{PREFIX[1]}/{PREFIX.prefixlen}"
        self.isp.check_output(["ip", "-6", "address", "add", address, "dev", session])
        return self.isp.start(
            [
                *ROUTER_ADVERT_ARGV,
                f"--interface={session}",
                f"--dhcp-range=::,constructor:{session},ra-only,64",
            ]
        )

    def device(self) -> str:
        """The device of the one session on this side."""
        shown = self.isp.check_output(["ip", "-o", "link", "show", "type", "ppp"])
        [line] = shown.splitlines()
        return line.split()[1].rstrip(":")

    def sessions(self) -> list[int]:
        """Process ids of the sessions that are up or being negotiated."""
        found = self.isp.check_output(["ip", "netns", "pids", self.isp.namespace])
        return [pid for pid in map(int, found.split()) if _process_name(pid) == "pppd"]

    def end_sessions(self) -> None:
        """End all sessions, as for maintenance."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGTERM)

    def owns_address(self, source: str) -> bool:
        """Whether an address that the internet saw belongs to a session of this provider."""
        return ip_address(source) in self.leg.address.network


def _process_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:
        return ""
