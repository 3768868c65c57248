"""A small venue for shaping: two clients, a gateway with two uplinks, and what lies behind them.

Nothing but shaping runs in the gateway, so that a figure here is shaping's alone.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lbrouter.compile.shaping.build import ShapingPlan
from lbrouter.kernel.netns import in_namespace
from lbrouter.model.kernel_state import KernelState
from lbrouter.rehearsal.lab.process_netns import unique_prefix
from tests.kit.arrivals import Arrivals, read_arrivals
from tests.kit.shaping_gateway import (
    DEFAULT_SECTIONS,
    TAGGED_PORTS,
    UNTAGGED_PORTS,
    UPLINK_PORTS,
    VLAN_PLACEMENT,
    classify_ruleset,
    converge,
    shaping_for,
)

FLOW_SECONDS = 2
TCP_BLOCK_BYTES = "4096"
"""From 3.16 on, iperf3 counts whole blocks, of 128 KiB unless told: a tenth of what a slow line
delivers in two seconds."""
GATEWAY_ADDRESSES = {
    "ua": "203.0.113.2",
    "ub": "198.51.100.2",
    "stream": "10.0.1.1",
    "guests": "10.0.2.1",
}
PEER_ADDRESSES = {
    "a": "203.0.113.1",
    "b": "198.51.100.1",
    "stream": "10.0.1.9",
    "guests": "10.0.2.9",
}


class ShapingVenue:
    """A namespace for each client, one for the gateway, one for all behind the uplinks.

    `client_ports`: the gateway's interfaces to clients, `TAGGED_PORTS` or `UNTAGGED_PORTS`.
    """

    def __init__(self, client_ports: dict[str, str]) -> None:
        self.client_ports = client_ports
        self.sections = {**DEFAULT_SECTIONS, **VLAN_PLACEMENT[client_ports["stream"]]}
        self.prefix = unique_prefix()
        self.children: list[subprocess.Popen[str]] = []

    def build(self) -> None:
        self.batch(f"netns add {self.prefix}{name}" for name in ("gw", "far", "stream", "guests"))
        for uplink, port in UPLINK_PORTS.items():
            self.add_veth_pair(port, "far")
            self.configure_link(port, GATEWAY_ADDRESSES[port], "far", PEER_ADDRESSES[uplink])
        if self.client_ports == TAGGED_PORTS:
            self.add_trunk()
        for client, port in self.client_ports.items():
            if self.client_ports == UNTAGGED_PORTS:
                self.add_veth_pair(port, client)
            self.configure_link(port, GATEWAY_ADDRESSES[client], client, PEER_ADDRESSES[client])
            self.batch([f"route add default via {GATEWAY_ADDRESSES[client]}"], client)
        self.batch(
            [
                f"route add 10.0.1.0/24 via {GATEWAY_ADDRESSES['ua']}",
                f"route add 10.0.2.0/24 via {GATEWAY_ADDRESSES['ua']}",
                f"rule add from {PEER_ADDRESSES['b']} lookup 9",
                f"route add default via {GATEWAY_ADDRESSES['ub']} table 9",
            ],
            "far",
        )
        self.run("gw", "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def add_veth_pair(self, port: str, host: str) -> None:
        ends = f"link add {port} netns {self.prefix}gw type veth peer name {port}"
        self.batch([f"{ends} netns {self.prefix}{host}"])

    def add_trunk(self) -> None:
        """A trunk with its far end in the guests' namespace; the stream's tag moves on."""
        self.add_veth_pair("lan", "guests")
        for host in ("gw", "guests"):
            self.batch(["link set lan up"], host)
            for port in TAGGED_PORTS.values():
                tag = port.removeprefix("lan.")
                self.batch([f"link add link lan name {port} type vlan id {tag}"], host)
        self.batch([f"link set {TAGGED_PORTS['stream']} netns {self.prefix}stream"], "guests")

    def configure_link(self, port: str, near: str, host: str, far: str) -> None:
        for place, address in (("gw", near), (host, far)):
            self.batch([f"addr add {address}/24 dev {port}", f"link set {port} up"], place)

    def tear_down(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
        for name in ("gw", "far", "stream", "guests"):
            subprocess.run(["ip", "netns", "del", f"{self.prefix}{name}"], check=False)

    def batch(self, lines: Sequence[str] | Iterator[str], where: str = "") -> None:
        place = ["-n", f"{self.prefix}{where}"] if where else []
        subprocess.run(
            ["ip", *place, "-batch", "-"], input="\n".join(lines) + "\n", check=True, text=True
        )

    def namespace_argv(self, where: str, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", f"{self.prefix}{where}", *argv]

    def run(self, where: str, *argv: str, stdin: str = "") -> str:
        return subprocess.run(
            self.namespace_argv(where, *argv),
            input=stdin, check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    def start(self, where: str, *argv: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            self.namespace_argv(where, *argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )
        self.children.append(child)
        return child

    def apply_shaping(
        self,
        *,
        down: frozenset[str] = frozenset(),
        without: frozenset[str] = frozenset(),
        **sections: str,
    ) -> ShapingPlan:
        """Shape the gateway for `sections` of the configuration, over `DEFAULT_SECTIONS`.

        `without` are features that this kernel has and that are not to be used.
        """
        wanted = shaping_for(down, {**self.sections, **sections}, without)
        state = KernelState(
            devices=wanted.devices, links=wanted.links, qdiscs=wanted.qdiscs,
            classes=wanted.classes, redirects=wanted.redirects,
        )  # fmt: skip
        with in_namespace(Path(f"/run/netns/{self.prefix}gw")):
            again = asyncio.run(converge(state))
        assert not again, "the second run found something to change"
        self.run("gw", "nft", "-f", "-", stdin=classify_ruleset(wanted))
        return wanted

    def start_flow(self, client: str, uplink: str, port: int, *options: str) -> "IperfFlow":
        """An iperf3 test from `client` to the far end behind `uplink`; upload unless `-R`."""
        server = self.start(
            "far", "iperf3", "-s", "-1", "-p", str(port), "-B", PEER_ADDRESSES[uplink]
        )
        self.wait_for(port)
        argv = (
            "-c",
            PEER_ADDRESSES[uplink],
            "-p",
            str(port),
            "-t",
            str(FLOW_SECONDS),
            "-O",
            "1",
            "-l",
            TCP_BLOCK_BYTES,
            "-J",
            *options,
        )
        return IperfFlow(self.start(client, "iperf3", *argv), server)

    def leaf_counters(self, interface: str, count: str) -> dict[str, int]:
        """A counter ("qlen", "bytes") of the queue of each class."""
        shown = json.loads(self.run("gw", "tc", "-j", "-s", "qdisc", "show", "dev", interface))
        return {each["parent"]: int(each[count]) for each in shown if "parent" in each}

    def wait_for_queue(self, interface: str, *classes: str) -> None:
        """Poll until packets wait in each of `classes`."""
        until = time.monotonic() + 5
        while not all(self.leaf_counters(interface, "qlen")[each] for each in classes):
            assert time.monotonic() < until, f"no queue in one of {classes}"

    def arrivals(self, host: str, *interfaces: str) -> Arrivals:
        """What has arrived until now at the interfaces of a host."""
        return read_arrivals(f"{self.prefix}{host}", *interfaces)

    def ping(self, seconds: float) -> str:
        """Ping from the gateway itself for `seconds`, ten times a second or more."""
        count = "120" if seconds > 1 else "9"
        argv = ("ping", "-c", count, "-i", str(seconds / int(count)), "-q", PEER_ADDRESSES["a"])
        return self.run("gw", *argv)

    def wait_for(self, port: int) -> None:
        """Poll until something listens at the far end."""
        for _ in range(1000):
            if self.run("far", "ss", "-Hltn", f"sport = :{port}"):
                return
        pytest.fail(f"nothing listens on port {port}")


class IperfFlow:
    """A running iperf3 test."""

    def __init__(self, client: "subprocess.Popen[str]", server: "subprocess.Popen[str]") -> None:
        self.client, self.server = client, server

    def stop(self) -> None:
        """End it before its time."""
        for process in (self.client, self.server):
            process.kill()
            process.communicate()

    def rate(self) -> float:
        """Bits per second that arrived: of the payload with TCP, with its headers with UDP."""
        output, _ = self.client.communicate(timeout=60)
        self.server.communicate(timeout=10)
        end = json.loads(output)["end"]
        return float(end["sum_received"]["bits_per_second"])
