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

from lbrouter.compile.config.parse import parse
from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_namespace
from lbrouter.kernel.read.features import features
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts, ObserveScope
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Plan
from lbrouter.rehearsal.lab.process_netns import unique_prefix

FLOW_SECONDS = 2
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
UPLINK_PORTS = {"a": "ua", "b": "ub"}
UNTAGGED_PORTS = {"stream": "ls", "guests": "lg"}
TAGGED_PORTS = {"stream": "lan.10", "guests": "lan.20"}
INTERFACE_NAMES = ("lan", *UPLINK_PORTS.values(), *UNTAGGED_PORTS.values(), *TAGGED_PORTS.values())
ALLOCATION = Allocation(uplinks={"a": 1, "b": 2}, vlans={"stream": 1, "guests": 2})
FACTS = {
    name: InterfaceFacts(name=name, index=1, up=True, carrier=True, mtu=1500)
    for name in INTERFACE_NAMES
}
SCOPE = ObserveScope(interfaces=frozenset(INTERFACE_NAMES))

CONFIG_TEMPLATE = """
[gateway]
name = "shaping"
[uplinks.a]
interface = "ua"
address = "203.0.113.2/24"
gateway = "203.0.113.1"
{a}
[uplinks.b]
interface = "ub"
address = "198.51.100.2/24"
gateway = "198.51.100.1"
{b}
{lan}
[vlans.stream]
{stream_place}
address = "10.0.1.1/24"
policy = "show"
priority = 1
{stream}
[vlans.guests]
{guests_place}
address = "10.0.2.1/24"
policy = "spread"
{guests}
[policies.show]
mode = "failover"
uplinks = ["a", "b"]
[policies.spread]
mode = "balance"
uplinks = ["a", "b"]
"""

DEFAULT_SECTIONS = {
    "a": 'upload = "20mbit"\ndownload = "20mbit"',
    "b": 'upload = "10mbit"\ndownload = "10mbit"',
    "stream": 'upload = { guaranteed = "8mbit" }\ndownload = { guaranteed = "8mbit" }',
    "guests": 'upload = { guaranteed = "2mbit" }\ndownload = { guaranteed = "2mbit" }',
}

VLAN_PLACEMENT = {
    "ls": {"lan": "", "stream_place": 'port = "ls"', "guests_place": 'port = "lg"'},
    "lan.10": {"lan": '[lan]\ntrunk = "lan"', "stream_place": "id = 10", "guests_place": "id = 20"},
}


class ShapingVenue:
    """A namespace for each client, one for the gateway, one for all behind the uplinks.

    `inside` names the gateway's interfaces to the clients: `TAGGED` on one trunk, or `UNTAGGED`.
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
        """A trunk whose far end stands with the guests; the stream's tag moves on from there."""
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
            if child.stdout is not None:
                child.stdout.close()
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
        """Shape the gateway for `sections` of the configuration, over those of `USUAL`.

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

    def received_bytes(self, host: str, *interfaces: str) -> int:
        """Bytes that have arrived at the interfaces of a host."""
        files = [f"/sys/class/net/{interface}/statistics/rx_bytes" for interface in interfaces]
        return sum(int(count) for count in self.run(host, "cat", *files).split())

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
    """A running test."""

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


def shaping_for(
    down: frozenset[str], sections: dict[str, str], without: frozenset[str] = frozenset()
) -> ShapingPlan:
    config = parse(CONFIG_TEMPLATE.format(**sections).encode(), source="shaping.toml").config
    health = GatewayHealth(
        uplinks={
            name: UplinkHealth(
                state=UplinkState.DOWN if name in down else UplinkState.UP,
                reason="", alive=name not in down,
            )
            for name in config.uplinks
        }
    )  # fmt: skip
    facts = Facts(interfaces=FACTS, features=features() - without)
    return build_shaping(config, allocation=ALLOCATION, health=health, facts=facts)


async def converge(wanted: KernelState) -> Plan:
    """Bring the kernel to `wanted`; the plan that is left afterwards."""
    async with LinuxKernel() as kernel:
        for operation in diff(shaping_part(await kernel.observe(SCOPE)), wanted).operations:
            await kernel.execute(operation)
        return diff(shaping_part(await kernel.observe(SCOPE)), wanted)


def shaping_part(state: KernelState) -> KernelState:
    """The part of the kernel's state that is about shaping."""
    return KernelState(
        devices=state.devices,
        links=frozenset(link for link in state.links if link.interface not in INTERFACE_NAMES),
        qdiscs=state.qdiscs,
        classes=state.classes,
        redirects=state.redirects,
    )


def classify_ruleset(wanted: ShapingPlan) -> str:
    pairs = ((*key.split(" . "), value) for key, value in sorted(wanted.elements))
    elements = ", ".join(f'"{into}" . "{out}" : {value}' for into, out, value in pairs)
    return f"""
table inet shaping
delete table inet shaping
table inet shaping {{
  map class_of {{
    typeof iifname . oifname : meta priority
    elements = {{ {elements} }}
  }}
  chain post {{
    type filter hook postrouting priority 0; policy accept;
    meta priority set iifname . oifname map @class_of
  }}
}}
"""
