"""One host of a venue: programs run in it, started beside us, or asked of it from outside."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.process import PATIENCE_S, Job, Row, check, run, script_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a scan knocks. `protocol` is tcp, udp or icmp (port 0)."""

    to: IpAddress
    protocol: str
    port: int = 0

    def as_row(self) -> Row:
        """In the scanner's words."""
        return {"to": str(self.to), "protocol": self.protocol, "port": self.port}


class Host:
    """A network namespace of the venue. `jobs` collects what runs in it, for the venue to end."""

    def __init__(self, namespace: str, jobs: list[Job]) -> None:
        self.namespace = namespace
        self.jobs = jobs

    def run(
        self, argv: Sequence[str], *, stdin: str = "", timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` here to its end, whatever its exit code."""
        return run(process_netns.inside(self.namespace, argv), stdin=stdin, timeout_s=timeout_s)

    def check(self, argv: Sequence[str], *, stdin: str = "") -> str:
        """Standard output of `argv` run here. Raises LabError when it fails."""
        return check(process_netns.inside(self.namespace, argv), stdin=stdin)

    def script(self, text: str) -> str:
        """Run a shell script here, to its first failure (LabError)."""
        return self.check(["sh", "-e", "-s"], stdin=text)

    def start(self, argv: Sequence[str]) -> Job:
        """Start `argv` here and go on."""
        job = Job(process_netns.inside(self.namespace, argv))
        self.jobs.append(job)
        return job

    def serve(
        self, addresses: Iterable[IpAddress | str], *, tcp: Iterable[int], udp: Iterable[int]
    ) -> "Server":
        """Start a server here that answers and logs; it listens when this returns."""
        request = {"addresses": [str(each) for each in addresses], "tcp": [*tcp], "udp": [*udp]}
        server = Server(self.start([*script_of("echo_server"), json.dumps(request)]))
        server.job.line()
        return server

    def scan(self, targets: Iterable[Target], *, timeout_ms: int = 1500) -> list[Row]:
        """Knock at all targets at once; each row's `answer` is "open", "silent", "refused"..."""
        return self.start_scan(targets, timeout_ms=timeout_ms).result()

    def start_scan(self, targets: Iterable[Target], *, timeout_ms: int = 1500) -> Job:
        """As `scan`, beside us."""
        request = {"targets": [each.as_row() for each in targets], "timeout_ms": timeout_ms}
        return self.start([*script_of("port_scanner"), json.dumps(request)])


class Server:
    """A running server of the lab and its log."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def log(self) -> list[Row]:
        """Each flow: protocol, source, source_port, destination, destination_port, flow, bytes."""
        rows: list[Row] = self.job.ask("log")
        return rows

    def times(self) -> dict[str, Row]:
        """Of each stream by its flow: `times` at which something of it came (CLOCK_MONOTONIC), and
        `seen`, from which source since when; then both start anew.
        """
        found: dict[str, Row] = self.job.ask("times")
        return found

    def clear(self) -> list[Row]:
        """The log, which then starts anew."""
        rows: list[Row] = self.job.ask("clear")
        return rows
