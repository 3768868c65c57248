"""The hosts of a venue as its users see them: the gateway, providers, the internet, clients."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lbrouter
from lbrouter.model.state import IpAddress
from lbrouter.rehearsal import netns
from lbrouter.rehearsal.shell import PATIENCE_S, Job, Row, check, run, script_of
from lbrouter.rehearsal.site import TALK_PORT, Line, Seat, Segment
from lbrouter.rehearsal.wiring import line_side

SERVICE_PORTS = {"tcp": (22, 53, 80, 443, 8080, 8443), "udp": (53, 123, 161)}
"""What stands in for the gateway's own services: a closed port would pass any firewall test."""


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
        return run(netns.inside(self.namespace, argv), stdin=stdin, timeout_s=timeout_s)

    def check(self, argv: Sequence[str], *, stdin: str = "") -> str:
        """Standard output of `argv` run here. Raises LabError when it fails."""
        return check(netns.inside(self.namespace, argv), stdin=stdin)

    def script(self, text: str) -> str:
        """Run a shell script here, to its first failure (LabError)."""
        return self.check(["sh", "-e", "-s"], stdin=text)

    def start(self, argv: Sequence[str]) -> Job:
        """Start `argv` here and go on."""
        job = Job(netns.inside(self.namespace, argv))
        self.jobs.append(job)
        return job

    def serve(
        self, addresses: Iterable[IpAddress | str], *, tcp: Iterable[int], udp: Iterable[int]
    ) -> "Server":
        """Start a server here that answers and logs; it listens when this returns."""
        request = {"addresses": [str(each) for each in addresses], "tcp": [*tcp], "udp": [*udp]}
        server = Server(self.start([*script_of("server"), json.dumps(request)]))
        server.job.line()
        return server

    def scan(self, targets: Iterable[Target], *, timeout_ms: int = 1500) -> list[Row]:
        """Knock at all targets at once; each row's `answer` is "open", "silent", "refused"..."""
        return self.start_scan(targets, timeout_ms=timeout_ms).result()

    def start_scan(self, targets: Iterable[Target], *, timeout_ms: int = 1500) -> Job:
        """As `scan`, beside us."""
        request = {"targets": [each.as_row() for each in targets], "timeout_ms": timeout_ms}
        return self.start([*script_of("scanner"), json.dumps(request)])


class Server:
    """A running server of the lab and its log."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def log(self) -> list[Row]:
        """Each flow: protocol, source, source_port, destination, destination_port, flow, bytes."""
        rows: list[Row] = self.job.ask("log")
        return rows

    def clear(self) -> list[Row]:
        """The log, which then starts anew."""
        rows: list[Row] = self.job.ask("clear")
        return rows


class Gateway(Host):
    """The host under test. `config`, `runtime_dir`, `state_dir` are what lbrouter is given."""

    def __init__(self, namespace: str, jobs: list[Job], folder: Path) -> None:
        super().__init__(namespace, jobs)
        self.config = folder / "lbrouter.toml"
        self.runtime_dir = folder / "run"
        self.state_dir = folder / "state"

    def lbrouter_argv(self, *words: str) -> list[str]:
        """Command line of the real command, from a checkout as well as from an installation."""
        return [
            *(sys.executable, "-m", "lbrouter", "--config", str(self.config)),
            *("--runtime-dir", str(self.runtime_dir), "--state-dir", str(self.state_dir)),
            *words,
        ]

    def lbrouter(
        self, *words: str, env: Mapping[str, str] | None = None, timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run `lbrouter WORDS` here, whatever its exit code."""
        argv = netns.inside(self.namespace, self.lbrouter_argv(*words))
        full = {**package_env(), **(env or {})}
        return run(argv, env=full, timeout_s=timeout_s, cwd=self.config.parent)

    def snapshot(self) -> dict[str, str]:
        """What the kernel holds here, by command, without what changes by itself."""
        return {command: _settled(self.run(command.split()).stdout) for command in SNAPSHOT}


SNAPSHOT = (
    "nft -s list ruleset",
    "ip -4 rule",
    "ip -6 rule",
    "ip -4 route show table all",
    "ip -6 route show table all",
    "ip -o address",
    "ip -o link",
    "tc qdisc",
    "sysctl -a --pattern ^net\\.ipv[46]\\.(conf|ip_forward)",
)


_PASSING = re.compile(r"(valid_lft|preferred_lft|expires) \w+|tentative|qdisc no(op|queue)")
_AUTOMATIC = re.compile(r"fe80::|ff00::/8|stable_secret|^qdisc noqueue")


def _settled(text: str) -> str:
    """Without lifetimes, what IPv6 sets up by itself, and the kernel's "no queue".

    An interface that was never up has `noop`, one that was up and is down again `noqueue`.
    """
    kept = (line for line in text.splitlines() if not _AUTOMATIC.search(line))
    return "\n".join(_PASSING.sub("", line).strip() for line in kept)


def package_env() -> dict[str, str]:
    """Environment in which `python -m lbrouter` finds this very package."""
    root = str(Path(lbrouter.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}:{path}" if path else root, "NO_COLOR": "1"}


class Isp(Host):
    """A provider: the line to the gateway on `line`, the way to the internet on `wan`."""

    def __init__(self, namespace: str, jobs: list[Job], line: Line) -> None:
        super().__init__(namespace, jobs)
        self.line = line

    @property
    def mac(self) -> str:
        """Hardware address of the provider's end of the line, as the gateway sees it."""
        return self._link()["address"]  # type: ignore[no-any-return]

    def carrier(self, *, up: bool) -> None:
        """Plug the gateway's cable in, or pull it: its interface loses its carrier."""
        script = [f"link set line {'up' if up else 'down'}"]
        if up:  # with the link went its IPv6 addresses and all routes by it
            script += line_side(self.line)
        self.check(["ip", "-batch", "-"], stdin="\n".join(script) + "\n")

    def blackhole(self, *, on: bool) -> None:
        """Swallow all but ARP and neighbour discovery: the link is fine, the line is dead."""
        if not on:
            self.check(["nft", "delete table inet dead"])
            return
        sink = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; counter drop;"
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -500; {sink} }}\n"
            for hook in ("prerouting", "output")
        )
        self.check(["nft", "-f", "-"], stdin=f"table inet dead {{\n{chains}}}\n")

    def bytes(self) -> tuple[int, int]:
        """Bytes so far (upload, download), counted at the provider's end of the line."""
        stats = self._link()["stats64"]
        return stats["rx"]["bytes"], stats["tx"]["bytes"]

    def strays(self) -> int:
        """Packets so far from the gateway whose source was not this uplink's address."""
        text = self.check(["nft", "-j", "list", "counter", "inet", "observer", "stray"])
        found = (each.get("counter") for each in json.loads(text)["nftables"])
        return sum(int(counter["packets"]) for counter in found if counter)

    def _link(self) -> dict[str, Any]:
        text = self.check(["ip", "-s", "-json", "link", "show", "dev", "line"])
        found: dict[str, Any] = json.loads(text)[0]
        return found


class Internet(Host):
    """Everything beyond the providers: one host with all the servers' addresses."""

    server: Server

    def log(self) -> list[Row]:
        """The flows that the internet's server has seen (see Server.log)."""
        return self.server.log()

    def clear(self) -> list[Row]:
        """The log, which then starts anew."""
        return self.server.clear()


class Client(Host):
    """A client host. Its verbs go to `to` (the internet's server by default) and `port`."""

    def __init__(
        self, namespace: str, jobs: list[Job], seat: Seat, segment: Segment, to: Sequence[IpAddress]
    ) -> None:
        super().__init__(namespace, jobs)
        self.seat = seat
        self.segment = segment
        self.servers = tuple(to)

    def flows(self, *, count: int, **request: Any) -> list[Row]:
        """Open `count` new TCP connections; see `start` and `client.py` for the other words."""
        return self.traffic("flows", count=count, **request).result()

    def udp(self, *, count: int, **request: Any) -> list[Row]:
        """Send `count` flows of `packets` datagrams; `echo=False` is one-way."""
        return self.traffic("udp", count=count, **request).result()

    def hold(self, *, count: int, **request: Any) -> Job:
        """Connections that stay open and ping; they are open on return. `stop()` gives the rows."""
        job = self.traffic("hold", count=count, **request)
        job.line()
        return job

    def ping(self, **request: Any) -> Job:
        """Numbered datagrams, every 10 ms, until `stop()`."""
        return self.traffic("ping", **request)

    def traffic(self, verb: str, *, version: int = 4, every: bool = True, **request: Any) -> Job:
        """Start a verb of `client.py`; `every` binds to all the host's addresses in turn."""
        request.setdefault("to", next(each for each in self.servers if each.version == version))
        request.setdefault("port", TALK_PORT)
        request.setdefault("name", f"{self.seat.name}-{verb}-{len(self.jobs)}")
        request["to"] = str(request["to"])
        if every:
            request.setdefault("sources", [str(each) for each in self.seat.of(version)])
        return self.start([*script_of("client"), verb, json.dumps(request)])
