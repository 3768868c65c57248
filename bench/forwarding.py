"""What the ruleset costs: packets a second of one established flow, beside the smallest gateway.

The sender (`trafgen`, Debian's netsniff-ng) is pinned to one core and carries its packets through
the whole path in its own context, as veth does: what is counted at the provider is what one core
can do. Its own cost dilutes the ratio: the ruleset's share of a packet is larger than it says.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.applying import sized_venue
from bench.figures import Figure, ratio_text
from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.venue import Venue

FORWARDING_ROUNDS = 9
FORWARDING_SECONDS = 1.0
GENERATOR_TIMEOUT_S = 10.0
FORWARDING_PORT = 40000

MINIMAL_RULESET = """
table inet smallest {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan1" accept
	}
	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan1" masquerade
	}
}
"""


def measure() -> Iterator[Figure]:
    """Our ruleset against the smallest one; a large configuration against a small one."""
    with ExitStack() as stack:
        small = stack.enter_context(sized_venue(uplinks=2, vlans=2))
        large = stack.enter_context(sized_venue(uplinks=8, vlans=64, rules=100))
        hand = stack.enter_context(sized_venue(uplinks=1, vlans=1))
        for built in (small, large):
            built.gateway.check_output(built.gateway.lbrouter_argv("apply"))
        configure_minimal_gateway(hand)
        flows = {
            name: EstablishedFlow(built)
            for name, built in (("s", small), ("l", large), ("h", hand))
        }
        rates: dict[str, list[float]] = {name: [] for name in flows}
        for _ in range(FORWARDING_ROUNDS):
            for name, flow in flows.items():
                rates[name].append(flow.rate())
    yield Figure(
        what="established forwarding against the smallest NAT ruleset, one core",
        promise="0.95 or more",
        seen=ratio_text(rates["s"], rates["h"]),
        runs=FORWARDING_ROUNDS,
    )
    yield Figure(
        what="64 VLANs, 8 uplinks, 100 rules against 2 VLANs, 2 uplinks",
        promise="0.97 or more",
        seen=ratio_text(rates["l"], rates["s"]),
        runs=FORWARDING_ROUNDS,
    )


def configure_minimal_gateway(built: Venue) -> None:
    """The smallest gateway that could do the job of one line."""
    built.gateway.run_script(
        "ip link set wan1 up\nip link set lan1 up\n"
        "ip address add 198.18.1.2/30 dev wan1\nip address add 10.20.1.1/24 dev lan1\n"
        "ip route add default via 198.18.1.1\nsysctl -q -w net.ipv4.ip_forward=1\n"
    )
    built.gateway.check_output(["nft", "-f", "-"], stdin=MINIMAL_RULESET)


class EstablishedFlow:
    """One UDP flow that has been answered, and a generator that sends on it."""

    def __init__(self, built: Venue) -> None:
        self.venue = built
        self.client: ClientHost = built.client("v1")
        self.server = next(each for each in self.client.server_addresses if each.version == 4)
        self.source = self.client.layout.ip_addresses(4)[0]
        self.packets = Path(built.folder) / "flow.cfg"
        self.packets.write_text(self._frame())

    def _establish(self) -> None:
        """Send and receive one datagram, so that the connection counts as established."""
        talk = (
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            f"s.bind(('{self.source}', {FORWARDING_PORT})); s.settimeout(3);"
            f"s.connect(('{self.server}', {ECHO_SERVER_PORT})); s.send(b'e bench 0'); s.recv(100)"
        )
        self.client.check_output(["python3", "-c", talk])

    def _frame(self) -> str:
        """The frame in trafgen's words: 46 bytes of UDP, as small as Ethernet goes."""
        mac = json.loads(self.venue.gateway.check_output(["ip", "-j", "link", "show", "lan1"]))[0]
        own = json.loads(self.client.check_output(["ip", "-j", "link", "show", "eth0"]))[0]
        return (
            f"{{ eth(da={mac['address']}, sa={own['address']}),"
            f" ipv4(sa={self.source}, da={self.server}, ttl=64),"
            f" udp(sp={FORWARDING_PORT}, dp={ECHO_SERVER_PORT}), fill('o', 18) }}\n"
        )

    def rate(self) -> float:
        """Packets a second that reach the providers while the generator runs."""
        self._establish()
        self._drop_at_providers(on=True)
        pinned = ["timeout", "2.5", "taskset", "-c", "0"]
        argv = [*pinned, "trafgen", "--dev", "eth0", "--conf", str(self.packets)]
        job = self.client.start([*argv, "--cpus", "1", "--no-cpu-stats", "-q", "-n", "0"])
        try:
            self._wait_for_packets()
            before, began = self._packets_arrived(), time.monotonic()
            threading.Event().wait(FORWARDING_SECONDS)
            return (self._packets_arrived() - before) / (time.monotonic() - began)
        finally:
            job.process.wait(GENERATOR_TIMEOUT_S)  # `timeout` ends it, and its child with it
            self._drop_at_providers(on=False)

    def _wait_for_packets(self) -> None:
        """Wait for the first thousand packets."""
        until, first = time.monotonic() + GENERATOR_TIMEOUT_S, self._packets_arrived()
        while self._packets_arrived() < first + 1000:
            if time.monotonic() > until:
                raise RuntimeError(f"no packets arrive from {self.venue.prefix}")

    def _drop_at_providers(self, *, on: bool) -> None:
        """Whether providers count what arrives and carry it no further."""
        for isp in self.venue.isps.values():
            isp.set_blackhole(on=on)

    def _packets_arrived(self) -> int:
        return sum(self._packets_received(isp) for isp in self.venue.isps)

    def _packets_received(self, name: str) -> int:
        isp = self.venue.isp(name)
        stats = json.loads(isp.check_output(["ip", "-s", "-j", "link", "show", "line"]))[0]
        return int(stats["stats64"]["rx"]["packets"])
