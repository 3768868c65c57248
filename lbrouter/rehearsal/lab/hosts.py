"""The hosts of a venue as its users see them: the gateway, providers, the internet, clients."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lbrouter
from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.host import Host, Server, Target
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.layout import TALK_PORT, Seat, Segment
from lbrouter.rehearsal.lab.process import PATIENCE_S, Job, Row, run, script_of

__all__ = ["Client", "Gateway", "Host", "Internet", "Isp", "Server", "Target", "package_env"]

SERVICE_PORTS = {"tcp": (22, 53, 80, 443, 8080, 8443), "udp": (53, 123, 161)}
"""What stands in for the gateway's own services: a closed port would pass any firewall test."""


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
        argv = process_netns.inside(self.namespace, self.lbrouter_argv(*words))
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
        return self.start([*script_of("flow_client"), verb, json.dumps(request)])

    def streams(self, **request: Any) -> Job:
        """An encoder, UDP, a call and new flows until `stop()`; the words are `streams.py`'s."""
        request.setdefault("name", f"{self.seat.name}-streams-{len(self.jobs)}")
        request["to"] = str(request["to"])
        return self.start([*script_of("streams"), json.dumps(request)])

    def load(self, **request: Any) -> Job:
        """TCP flows and a probe for a given time; the words are `load.py`'s."""
        request.setdefault("to", next(each for each in self.servers if each.version == 4))
        request.setdefault("port", TALK_PORT)
        request.setdefault("name", f"{self.seat.name}-load-{len(self.jobs)}")
        request["to"] = str(request["to"])
        return self.start([*script_of("load"), json.dumps(request)])
