"""Clients of a venue that only wait (idle downloads), and when they were told that it is over."""

import json
import sys
from pathlib import Path

from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import JsonRow

WAITING_PROGRAM = Path(__file__).with_name("waiting_program.py")


class WaitingClient:
    """`count` connections of one family from one client; they are open when this returns.

    `seen` are the sources under which the internet knows them.
    """

    def __init__(self, client: ClientHost, *, version: int = 4, count: int = 1) -> None:
        to = next(each for each in client.server_addresses if each.version == version)
        request = {
            "to": str(to),
            "port": ECHO_SERVER_PORT,
            "source": str(client.layout.ip_addresses(version)[0]),
            "count": count,
        }
        argv = [sys.executable, "-I", "-S", str(WAITING_PROGRAM), json.dumps(request)]
        self.job = client.start(argv)
        self.seen: list[str] = self.job.read_json()

    def ended_count(self) -> int:
        """How many connections have ended so far."""
        return int(self.job.ask("count"))

    def stop(self) -> list[JsonRow]:
        """The rows of `waiting_program.py`."""
        return self.job.stop()
