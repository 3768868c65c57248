"""Two lines, two VLANs, a daemon; and all flood with UDP, which no queue can slow down."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.congestion import CUBIC
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

FLOOD_LINES = {"fiber": ("wan1", 20), "lte": ("wan2", 10)}
"""Interface, and what the line carries in Mbit/s."""

FLOOD_PORTS = {"stream": 9, "guests": 10}
"""The UDP port that each VLAN floods, by which it is known behind the address translation."""

SHAPED_LINE = 'upload = "{rate}mbit"\ndownload = "{rate}mbit"\nheadroom = "{headroom}"'

FLOOD_CONFIG = (
    FAST_HEALTH
    + """
[gateway]
name = "flooded"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
{fiber}

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
{lte}

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
priority = 1
upload = {{ guaranteed = "8mbit" }}

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "show"
upload = {{ guaranteed = "6mbit" }}

[policies.show]
{policy}
"""
)

UDP_SENDER = """
import os, socket, sys, time
os.nice(-15)  # a sender without a processor for 50 ms leaves its class without a packet
to, port, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 8 / 1400
until, sent, began = time.monotonic() + float(sys.argv[4]), 0, time.monotonic()
lines = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
while (now := time.monotonic()) < until:
    while sent < (now - began) * rate:
        try:
            lines[sent % 16].sendto(b"." * 1400, (to, port))
        except OSError:
            pass
        sent += 1
    time.sleep(0.002)
"""


@contextmanager
def flood_venue(policy: str, *, headroom: str = "5%") -> Iterator[tuple[Venue, GatewayDaemon]]:
    """Built, with the daemon running and both lines up."""
    shaped = {
        name: SHAPED_LINE.format(rate=rate, headroom=headroom)
        for name, (_, rate) in FLOOD_LINES.items()
    }
    config = parse(FLOOD_CONFIG.format(policy=policy, **shaped).encode(), source="bench").config
    with ExitStack() as stack:
        built = stack.enter_context(Venue.build(config))
        daemon = stack.enter_context(GatewayDaemon(built.gateway))
        wait_until(lambda: all(daemon.state(name) == "up" for name in FLOOD_LINES))
        yield built, daemon


def send_udp_flood(built: Venue, *, bps: float, seconds: float) -> None:
    """Each VLAN sends `bps` up, in 16 flows, until `seconds` are over or the venue ends."""
    for name, port in FLOOD_PORTS.items():
        client = built.client(name)
        server = next(each for each in client.server_addresses if each.version == 4)
        argv = [sys.executable, "-I", "-S", "-c", UDP_SENDER, str(server), str(port)]
        client.start([*argv, str(bps), str(seconds)])


def start_downloads(built: Venue, *, seconds: float) -> None:
    """Each VLAN fetches by eight TCP connections."""
    for number, name in enumerate(FLOOD_PORTS):
        port = str(5600 + number)
        client = built.client(name)
        built.internet.start(["iperf3", "-s", "-1", "-p", port])
        wait_until(lambda p=port: f":{p}" in built.internet.check_output(["ss", "-Hltn"]))  # type: ignore[misc]
        server = next(str(each) for each in client.server_addresses if each.version == 4)
        argv = ["iperf3", "-c", server, "-p", port, "-R", "-P", "8", "-t", str(seconds), *CUBIC]
        client.start(argv)


def wait_until(holds: Callable[[], bool]) -> None:
    """Poll until it holds; an error after half a minute."""
    if not eventually(holds, within_s=30):
        raise RuntimeError("what was waited for did not come")
