"""`foolsm` itself (Debian's `lsm`), in the gateway's namespace, with its own defaults."""

import shutil
import time
from pathlib import Path

from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.process import LabProcess

FOOLSM_PROGRAM = "lsm"

FOOLSM_EVENT_SCRIPT = """#!/bin/sh
read up rest < /proc/uptime
echo "$2 $1 $up" >> {log}
"""
"""It is called with the new state, the name of the connection, and much more."""

FOOLSM_CONNECTION = """
connection {{
  name=m{number}
  checkip={to}
  device={interface}
}}
"""

FOOLSM_DEFAULTS = """
debug=100
defaults {{
  name=defaults
  checkip=127.0.0.1
  eventscript={script}
  notifyscript=
  max_packet_loss=15
  max_successive_pkts_lost=7
  min_packet_loss=5
  min_successive_pkts_rcvd=10
  interval_ms=1000
  timeout_ms=1000
  check_arp=0
  status=1
}}
"""
"""Debian's /etc/lsm/lsm.conf lists these as what is set in the code. `status=1`: it begins with the
line up, or its first event would be "up". `debug=100`: it stays in the foreground."""


def installed() -> bool:
    """Whether it can run here."""
    return shutil.which(FOOLSM_PROGRAM) is not None


class Foolsm:
    """`count` processes, all over one interface to one target, begun one after the other within a
    second: so that their pings do not fall together.
    """

    def __init__(self, gateway: GatewayHost, *, to: str, interface: str, count: int) -> None:
        self.folder = gateway.config_path.parent / "foolsm"
        self.folder.mkdir()
        self.log = self.folder / "events"
        self.log.touch()
        script = self.folder / "event"
        script.write_text(FOOLSM_EVENT_SCRIPT.format(log=self.log), encoding="utf-8")
        script.chmod(0o755)
        self.jobs: list[LabProcess] = []
        for number in range(count):
            file = self.folder / f"{number}.conf"
            entry = FOOLSM_CONNECTION.format(number=number, to=to, interface=interface)
            file.write_text(FOOLSM_DEFAULTS.format(script=script) + entry, encoding="utf-8")
            command = f"sleep {number / count}; exec {FOOLSM_PROGRAM} -c {file} -p {file}.pid -f"
            self.jobs.append(gateway.start(["sh", "-c", f"{command} > {file}.said 2>&1"]))

    def alarms(self, since: float) -> list[float]:
        """Seconds from `since` (monotonic) to each connection's first event that it is down."""
        found: dict[str, float] = {}
        offset = _uptime() - time.monotonic()
        for line in self.log.read_text(encoding="utf-8").splitlines():
            name, state, uptime = line.split()
            after = float(uptime) - offset - since
            if state == "down" and after >= 0:
                found.setdefault(name, after)
        return sorted(found.values())

    def close(self) -> None:
        """End them."""
        for job in self.jobs:
            job.close()


def _uptime() -> float:
    """What /proc/uptime shows, which counts through a suspend, as the script's clock does."""
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
