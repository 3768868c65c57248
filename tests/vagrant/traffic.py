"""What runs in the client and in the internet while the acts are played."""

import json
import shlex
from pathlib import Path
from typing import Any

from tests.vagrant.lab import AGENTS, Lab, LabError, Talk, until

FAR = "192.0.2.80"
STREAM_PORT, FLOWS_PORT = 9001, 9000
BEHIND = {"203.0.113.2": "isp-a"}
"""Whose address the far end sees; isp-b gives its own by DHCP, out of 203.0.113.128/25."""

Row = dict[str, Any]


def line_of(source: str) -> str:
    """The line by which somebody came."""
    if not source:
        return "nobody"
    return BEHIND.get(source, "isp-b" if source.startswith("203.0.113.") else source)


class Traffic:
    """The far end, and one stream from VLAN stream to it, for all of the acts."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.internet.put(AGENTS / "echo_server.py", "/tmp/server.py")
        lab.client.put(AGENTS / "flow_client.py", "/tmp/client.py")
        lab.client.put(Path(__file__).with_name("stream.py"), "/tmp/stream.py")
        ports = [FLOWS_PORT, STREAM_PORT]
        request = json.dumps({"addresses": [FAR], "tcp": ports, "udp": ports})
        self.server = Talk(
            lab.internet.ssh(f"exec python3 -I /tmp/server.py {shlex.quote(request)}")
        )
        self.server.hear()
        self.stream = self._start()

    def _start(self) -> Talk:
        command = f"exec ip netns exec stream python3 -I /tmp/stream.py {FAR} {STREAM_PORT}"
        return Talk(self.lab.client.ssh(command))

    def restart(self) -> None:
        """The stream begins anew, with flows that the gateway does not know."""
        self.stream.close()
        self.stream = self._start()

    def close(self) -> None:
        """Both end."""
        self.stream.close()
        self.server.close()

    def look(self) -> dict[str, Row]:
        """How the stream does."""
        found: dict[str, Row] = self.stream.ask("look")
        return found

    def calm(self) -> None:
        """The stream runs, and what it suffered is forgotten."""
        until(self.alive, "the stream runs")
        self.stream.ask("reset")

    def alive(self) -> bool:
        """Whether both kinds of the stream were answered in the last second."""
        return all(row["alive"] for row in self.look().values())

    def by(self, line: str) -> bool:
        """Whether both kinds run, and come out at `line`."""
        rows = self.look().values()
        return all(row["alive"] and line_of(row["source"]) == line for row in rows)

    def new_by(self) -> str:
        """The line that a new flow of the stream's VLAN takes."""
        return line_of(self.stream.ask("new")["source"])

    def gaps(self) -> str:
        """Both silences, for the table."""
        rows = self.look()
        udp, tcp = rows["udp"], rows["tcp"]
        connected = f"{tcp['breaks']} new connections"
        return f"UDP silent {udp['gap_s']:.1f} s; TCP {tcp['gap_s']:.1f} s, {connected}"

    def flows(self, count: int) -> list[Row]:
        """So many new connections from VLAN guests, one after the other in fives."""
        request = {"to": FAR, "port": FLOWS_PORT, "count": count, "concurrency": 5}
        asked = shlex.quote(json.dumps({**request, "timeout_ms": 20_000}))
        text = self.lab.client.sh(
            f"ip netns exec guests python3 -I /tmp/client.py flows {asked}", within_s=600
        )
        rows = [json.loads(line) for line in text.splitlines()]
        if len(rows) != count:
            message = f"{len(rows)} of {count} flows were reported"
            raise LabError(message)
        return rows


def counted(lab: Lab) -> dict[str, int]:
    """How many flows to FLOWS_PORT each provider has seen."""
    found = {}
    for isp in (lab.isp_a, lab.isp_b):
        text = isp.sh("nft -j list set inet isp flows")
        sets = [each["set"] for each in json.loads(text)["nftables"] if "set" in each]
        keys = [element.get("concat", element.get("elem", {}).get("val", {}).get("concat"))
                for element in sets[0].get("elem", [])]  # fmt: skip
        found[isp.name] = sum(key[1] == "tcp" and key[4] == FLOWS_PORT for key in keys)
    return found


def forget(lab: Lab) -> None:
    """The providers begin to count anew."""
    for isp in (lab.isp_a, lab.isp_b):
        isp.sh("nft flush set inet isp flows")
