"""One host of a venue: programs that run in it, servers and scans."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.process import (
    LAB_COMMAND_TIMEOUT_S,
    JsonRow,
    LabProcess,
    agent_argv,
    check_output,
    run,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTarget:
    """One target of a scan. `protocol` is tcp, udp or icmp (port 0)."""

    to: IpAddress
    protocol: str
    port: int = 0

    def as_row(self) -> JsonRow:
        """The row for the scanner."""
        return {"to": str(self.to), "protocol": self.protocol, "port": self.port}


PRIVATE_SOCKETS_SCRIPT = (
    'mkdir -p /run/wireguard; mount --bind "$1" /run/wireguard; shift; exec "$@"'
)
"""`ip netns exec` has a mount namespace of its own: what is mounted there ends with the program."""


class Host:
    """A network namespace of the venue. `processes` collects what runs in it; the venue ends it.

    `wireguard_sockets` is the folder that its programs find as /run/wireguard, None = the
    machine's own: wireguard-go has its control sockets there, by the name of the device alone.
    """

    wireguard_sockets: Path | None = None

    def __init__(self, namespace: str, processes: list[LabProcess]) -> None:
        self.namespace = namespace
        self.processes = processes

    def exec_argv(self, argv: Sequence[str]) -> list[str]:
        """Command line that runs `argv` here."""
        if self.wireguard_sockets is not None:
            script = ["sh", "-ec", PRIVATE_SOCKETS_SCRIPT, "sh", str(self.wireguard_sockets)]
            argv = [*script, *argv]
        return process_netns.exec_argv(self.namespace, argv)

    def run(
        self, argv: Sequence[str], *, stdin: str = "", timeout_s: float = LAB_COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` here to its end, whatever its exit code."""
        return run(self.exec_argv(argv), stdin=stdin, timeout_s=timeout_s)

    def check_output(self, argv: Sequence[str], *, stdin: str = "") -> str:
        """Standard output of `argv` run here. Raises LabError when it fails."""
        return check_output(self.exec_argv(argv), stdin=stdin)

    def run_script(self, text: str) -> str:
        """Run a shell script here, to its first failure (LabError)."""
        return self.check_output(["sh", "-e", "-s"], stdin=text)

    def start(self, argv: Sequence[str]) -> LabProcess:
        """Start `argv` here and go on."""
        job = LabProcess(self.exec_argv(argv))
        self.processes.append(job)
        return job

    def start_server(
        self, addresses: Iterable[IpAddress | str], *, tcp: Iterable[int], udp: Iterable[int]
    ) -> "EchoServer":
        """Start a server here that answers and logs; it listens when this returns."""
        request = {
            "addresses": [str(address) for address in addresses],
            "tcp": [*tcp],
            "udp": [*udp],
        }
        server = EchoServer(self.start([*agent_argv("echo_server"), json.dumps(request)]))
        server.process.read_json()
        return server

    def scan(self, targets: Iterable[ScanTarget], *, timeout_ms: int = 1500) -> list[JsonRow]:
        """Scan all targets at once; each row's `answer` is "open", "silent", "refused"..."""
        return self.start_scan(targets, timeout_ms=timeout_ms).result()

    def start_scan(self, targets: Iterable[ScanTarget], *, timeout_ms: int = 1500) -> LabProcess:
        """As `scan`, but in the background."""
        request = {"targets": [target.as_row() for target in targets], "timeout_ms": timeout_ms}
        return self.start([*agent_argv("port_scanner"), json.dumps(request)])


class EchoServer:
    """A running server of the lab and its log."""

    def __init__(self, process: LabProcess) -> None:
        self.process = process

    def log(self) -> list[JsonRow]:
        """Each flow: protocol, source, source_port, destination, destination_port, flow, bytes."""
        rows: list[JsonRow] = self.process.ask("log")
        return rows

    def take_stream_arrivals(self) -> dict[str, JsonRow]:
        """Of each stream by its flow: `times` at which something of it came (CLOCK_MONOTONIC), and
        `seen`, from which source since when; then both start again.
        """
        times: dict[str, JsonRow] = self.process.ask("times")
        return times

    def clear_log(self) -> list[JsonRow]:
        """The log, which then starts again."""
        rows: list[JsonRow] = self.process.ask("clear")
        return rows
