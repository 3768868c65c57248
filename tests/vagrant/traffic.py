"""What runs in the client and in the internet while the scenarios run."""

import json
import shlex
from pathlib import Path
from typing import Any

from tests.vagrant.lab import AGENTS, Lab, LabError, RemoteProgram, wait_until

FAR_ADDRESS = "192.0.2.80"
STREAM_PORT, FLOWS_PORT = 9001, 9000
PROVIDER_BY_SOURCE = {"203.0.113.2": "isp-a"}
"""Whose address the far end sees; isp-b gives its own by DHCP, out of 203.0.113.128/25."""

FlowRow = dict[str, Any]


def uplink_of_source(source: str) -> str:
    """The line that a source address belongs to."""
    if not source:
        return "nobody"
    return PROVIDER_BY_SOURCE.get(source, "isp-b" if source.startswith("203.0.113.") else source)


class Traffic:
    """The far end, and one stream from VLAN stream to it, for all scenarios."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.internet.copy_file(AGENTS / "echo_server.py", "/tmp/server.py")
        lab.client.copy_file(AGENTS / "flow_client.py", "/tmp/client.py")
        lab.client.copy_file(Path(__file__).with_name("stream.py"), "/tmp/stream.py")
        ports = [FLOWS_PORT, STREAM_PORT]
        request = json.dumps({"addresses": [FAR_ADDRESS], "tcp": ports, "udp": ports})
        self.server = RemoteProgram(
            lab.internet.ssh_argv(f"exec python3 -I /tmp/server.py {shlex.quote(request)}")
        )
        self.server.read_reply()
        self.stream = self._start_stream()

    def _start_stream(self) -> RemoteProgram:
        command = f"exec ip netns exec stream python3 -I /tmp/stream.py {FAR_ADDRESS} {STREAM_PORT}"
        return RemoteProgram(self.lab.client.ssh_argv(command))

    def restart_stream(self) -> None:
        """The stream starts again, with flows that the gateway does not know."""
        self.stream.close()
        self.stream = self._start_stream()

    def close(self) -> None:
        """Both end."""
        self.stream.close()
        self.server.close()

    def stream_status(self) -> dict[str, FlowRow]:
        """How the stream does."""
        found: dict[str, FlowRow] = self.stream.ask("look")
        return found

    def reset_when_running(self) -> None:
        """Wait until the stream runs, and reset its statistics."""
        wait_until(self.is_alive, "the stream runs")
        self.stream.ask("reset")

    def is_alive(self) -> bool:
        """Whether both kinds of the stream were answered in the last second."""
        return all(row["alive"] for row in self.stream_status().values())

    def runs_via(self, line: str) -> bool:
        """Whether both kinds run, and come out at `line`."""
        rows = self.stream_status().values()
        return all(row["alive"] and uplink_of_source(row["source"]) == line for row in rows)

    def uplink_of_new_flow(self) -> str:
        """The line that a new flow of the stream's VLAN takes."""
        return uplink_of_source(self.stream.ask("new")["source"])

    def gaps_text(self) -> str:
        """Both silences, for the table."""
        rows = self.stream_status()
        udp, tcp = rows["udp"], rows["tcp"]
        connected = f"{tcp['breaks']} new connections"
        return f"UDP silent {udp['gap_s']:.1f} s; TCP {tcp['gap_s']:.1f} s, {connected}"

    def flows(self, count: int) -> list[FlowRow]:
        """So many new connections from VLAN guests, one after the other in fives."""
        request = {"to": FAR_ADDRESS, "port": FLOWS_PORT, "count": count, "concurrency": 5}
        asked = shlex.quote(json.dumps({**request, "timeout_ms": 20_000}))
        text = self.lab.client.check_shell(
            f"ip netns exec guests python3 -I /tmp/client.py flows {asked}", within_s=600
        )
        rows = [json.loads(line) for line in text.splitlines()]
        if len(rows) != count:
            message = f"{len(rows)} of {count} flows were reported"
            raise LabError(message)
        return rows


def flows_per_provider(lab: Lab) -> dict[str, int]:
    """How many flows to FLOWS_PORT each provider has seen."""
    found = {}
    for isp in (lab.isp_a, lab.isp_b):
        text = isp.check_shell("nft -j list set inet isp flows")
        sets = [each["set"] for each in json.loads(text)["nftables"] if "set" in each]
        keys = [element.get("concat", element.get("elem", {}).get("val", {}).get("concat"))
                for element in sets[0].get("elem", [])]  # fmt: skip
        found[isp.name] = sum(key[1] == "tcp" and key[4] == FLOWS_PORT for key in keys)
    return found


def reset_flow_counts(lab: Lab) -> None:
    """The providers start to count again from zero."""
    for isp in (lab.isp_a, lab.isp_b):
        isp.check_shell("nft flush set inet isp flows")
