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
from lbrouter.rehearsal.lab.host import EchoServer, Host, ScanTarget
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT, ClientLayout, Segment
from lbrouter.rehearsal.lab.process import (
    LAB_COMMAND_TIMEOUT_S,
    JsonRow,
    LabProcess,
    agent_argv,
    run,
)

__all__ = [
    "ClientHost",
    "EchoServer",
    "GatewayHost",
    "Host",
    "InternetHost",
    "Isp",
    "ScanTarget",
    "package_env",
]

SERVICE_PORTS = {"tcp": (22, 53, 80, 443, 8080, 8443), "udp": (53, 123, 161)}
"""Servers in place of the gateway's own services: a closed port would pass any firewall test."""


class GatewayHost(Host):
    """The host under test. `config`, `runtime_dir`, `state_dir` are what lbrouter is given."""

    def __init__(self, namespace: str, processes: list[LabProcess], folder: Path) -> None:
        super().__init__(namespace, processes)
        self.config_path = folder / "lbrouter.toml"
        self.runtime_dir = folder / "run"
        self.state_dir = folder / "state"

    def lbrouter_argv(self, *words: str) -> list[str]:
        """Command line of the real command, from a checkout as well as from an installation."""
        return [
            *(sys.executable, "-m", "lbrouter", "--config", str(self.config_path)),
            *("--runtime-dir", str(self.runtime_dir), "--state-dir", str(self.state_dir)),
            *words,
        ]

    def run_lbrouter(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float = LAB_COMMAND_TIMEOUT_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run `lbrouter WORDS` here, whatever its exit code."""
        argv = self.exec_argv(self.lbrouter_argv(*words))
        full = {**package_env(), **(env or {})}
        return run(argv, env=full, timeout_s=timeout_s, cwd=self.config_path.parent)

    def snapshot(self) -> dict[str, str]:
        """What the kernel holds here, by command, without what changes by itself."""
        return {
            command: _without_volatile(self.run(command.split()).stdout)
            for command in SNAPSHOT_COMMANDS
        }


SNAPSHOT_COMMANDS = (
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


_VOLATILE_PATTERN = re.compile(
    r"(valid_lft|preferred_lft|expires) \w+|tentative|qdisc no(op|queue)"
)
_LEARNED_ELEMENTS_PATTERN = re.compile(r"elements = \{[^}]* timeout [^}]*\}")
"""What packets put into the sets of the ruleset: it goes by itself."""
_AUTOMATIC_LINE_PATTERN = re.compile(r"fe80::|ff00::/8|stable_secret|^qdisc noqueue")


def _without_volatile(text: str) -> str:
    """Without lifetimes, what IPv6 sets up by itself, and the kernel's "no queue".

    An interface that was never up has `noop`, one that was up and is down again `noqueue`.
    """
    lasting = _LEARNED_ELEMENTS_PATTERN.sub("", text)
    kept = (line for line in lasting.splitlines() if not _AUTOMATIC_LINE_PATTERN.search(line))
    words = (_VOLATILE_PATTERN.sub("", line).strip() for line in kept)
    return "\n".join(filter(None, words))


def package_env() -> dict[str, str]:
    """Environment in which `python -m lbrouter` finds this very package."""
    root = str(Path(lbrouter.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}:{path}" if path else root, "NO_COLOR": "1"}


class InternetHost(Host):
    """Everything beyond the providers: one host with all the servers' addresses."""

    server: EchoServer

    def log(self) -> list[JsonRow]:
        """The flows that the internet's server has seen (see EchoServer.log)."""
        return self.server.log()

    def clear_log(self) -> list[JsonRow]:
        """The log, which then starts again."""
        return self.server.clear_log()


class ClientHost(Host):
    """A client host. Its verbs go to `to` (the internet's server by default) and `port`."""

    def __init__(
        self,
        namespace: str,
        processes: list[LabProcess],
        layout: ClientLayout,
        segment: Segment,
        to: Sequence[IpAddress],
    ) -> None:
        super().__init__(namespace, processes)
        self.layout = layout
        self.segment = segment
        self.server_addresses = tuple(to)

    def open_flows(self, *, count: int, **request: Any) -> list[JsonRow]:
        """Open `count` new TCP connections; see `start_traffic`, `flow_client.py` for the rest."""
        return self.start_traffic("flows", count=count, **request).result()

    def send_udp(self, *, count: int, **request: Any) -> list[JsonRow]:
        """Send `count` flows of `packets` datagrams; `echo=False` is one-way."""
        return self.start_traffic("udp", count=count, **request).result()

    def hold_connections(self, *, count: int, **request: Any) -> LabProcess:
        """Connections that stay open and ping; they are open on return. `stop()` gives the rows."""
        job = self.start_traffic("hold", count=count, **request)
        job.read_json()
        return job

    def start_ping(self, **request: Any) -> LabProcess:
        """Numbered datagrams, every 10 ms, until `stop()`."""
        return self.start_traffic("ping", **request)

    def start_traffic(
        self, verb: str, *, version: int = 4, every: bool = True, **request: Any
    ) -> LabProcess:
        """Start a verb of `flow_client.py`; `every` binds to all the host's addresses in turn."""
        request.setdefault(
            "to", next(address for address in self.server_addresses if address.version == version)
        )
        request.setdefault("port", ECHO_SERVER_PORT)
        request.setdefault("name", f"{self.layout.name}-{verb}-{len(self.processes)}")
        request["to"] = str(request["to"])
        if every:
            request.setdefault(
                "sources", [str(address) for address in self.layout.ip_addresses(version)]
            )
        return self.start([*agent_argv("flow_client"), verb, json.dumps(request)])

    def start_streams(self, **request: Any) -> LabProcess:
        """An encoder, UDP, a call and new flows until `stop()`; the request is `streams.py`'s."""
        request.setdefault("name", f"{self.layout.name}-streams-{len(self.processes)}")
        request["to"] = str(request["to"])
        return self.start([*agent_argv("streams"), json.dumps(request)])

    def start_load(self, **request: Any) -> LabProcess:
        """TCP flows and a probe for a given time; the request is that of `load.py`."""
        request.setdefault(
            "to", next(address for address in self.server_addresses if address.version == 4)
        )
        request.setdefault("port", ECHO_SERVER_PORT)
        request.setdefault("name", f"{self.layout.name}-load-{len(self.processes)}")
        request["to"] = str(request["to"])
        return self.start([*agent_argv("load"), json.dumps(request)])
