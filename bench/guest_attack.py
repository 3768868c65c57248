"""One guest machine against all: the stream's new connections, and how soon it is told.

300,000 handshakes with a colluding server from 900 addresses, and 65,000 datagrams at the port of
the ingest; from one hardware address, and from one for each address. Before, during and after it
the stream opens 20 TCP and 20 UDP connections, again and again.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import config_of
from tests.kit.config_text import FAST_HEALTH, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import mac_of
from tests.kit.wait import eventually

MACHINE: Final = Path(__file__).parent / "inside" / "guest_machine.py"
STREAM_FLOWS: Final = 20
COLLUDING_PORT: Final = 7001
ADDRESSES: Final = 900
TOLD_PROMISE_S: Final = 10.0

ATTACKS: Final[dict[str, dict[str, Any]]] = {
    "handshakes": {"count": 300_000, "rate": 12_000, "port": COLLUDING_PORT},
    "datagrams": {"count": 65_000, "rate": 9_000, "port": ECHO_SERVER_PORT},
}

CONFIG: Final = file_text(
    "attacked",
    fiber(),
    lte(),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show"),
    vlan_text("guests", "lan2", "10.10.40.1/22", "spread"),
    '[policies.show]\nmode = "failover"\nuplinks = ["fiber", "lte"]\n',
    '[policies.spread]\nmode = "balance"\nweights = { fiber = 100, lte = 1 }\n',
    health=FAST_HEALTH,
)

NO_RESETS: Final = """
table inet no_resets {{
	chain arriving {{
		type filter hook input priority filter; policy accept;
		{} drop
	}}
}}
"""
"""Neither end's own kernel knows of these connections."""

UDP_FLOWS: Final = """
import socket, sys
answered = 0
for _ in range(int(sys.argv[3])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(1)
        line.connect((sys.argv[1], int(sys.argv[2])))
        try:
            line.send(b"e bench 0")
            answered += bool(line.recv(100))
        except OSError:
            pass
print(answered)
"""


@dataclass(slots=True, kw_only=True)
class Answered:
    """How many of the stream's new connections were answered, the worst of all rounds."""

    tcp: int = STREAM_FLOWS
    udp: int = STREAM_FLOWS
    rounds: int = 0


def measure() -> Iterator[Figure]:
    """Each attack from one hardware address, and from many."""
    for verb, attack in ATTACKS.items():
        for machines in (1, ADDRESSES):
            yield from _one_attack(verb, attack, machines=machines)


def _one_attack(verb: str, attack: dict[str, Any], *, machines: int) -> Iterator[Figure]:
    what = f"{attack['count']:,} {verb} from {ADDRESSES} addresses, {machines} hardware addresses"
    with Venue.build(config_of(CONFIG)) as venue, GatewayDaemon(venue.gateway) as daemon:
        if not eventually(lambda: daemon.state("fiber") == "up", within_s=20):
            raise RuntimeError("the lines do not come up")
        job = _start(venue, verb, attack, machines=machines)
        before, during, after = Answered(), Answered(), Answered()
        _try_flows(venue, before)
        began, told_s, most = time.monotonic(), None, 0
        job.ask("go")
        while job.process.poll() is None:
            _try_flows(venue, during)
            most = max(most, _held(venue))
            if told_s is None and daemon.has_logged(" bound: "):
                told_s = time.monotonic() - began
        _try_flows(venue, after)
        lost = [event["text"] for event in daemon.events("uplink") if "is down" in event["text"]]
    for when, found in (("before", before), ("during", during), ("after", after)):
        yield Figure(
            what=f"{what}: the stream's new connections {when}, TCP and UDP, the worst round",
            promise=f"{STREAM_FLOWS} of {STREAM_FLOWS} each",
            seen=f"{found.tcp} and {found.udp} of {STREAM_FLOWS}",
            runs=found.rounds,
        )
    yield Figure(
        what=f"{what}: told after; lines taken for dead; most connections tracked",
        promise=f"under {TOLD_PROMISE_S:.0f} s; 0; under 262,144",
        seen=f"{'not told' if told_s is None else f'{told_s:.1f} s'}; {len(lost)}; {most:,}",
        runs=1,
    )


def _start(venue: Venue, verb: str, attack: dict[str, Any], *, machines: int) -> LabProcess:
    """The machine, which waits for a word, and its partner in the internet."""
    guest, internet = venue.client("guests"), venue.internet
    own = mac_of(guest, "eth0")
    internet.check_output(["nft", "-f", "-"], stdin=NO_RESETS.format(f"tcp dport {COLLUDING_PORT}"))
    internet.start([sys.executable, str(MACHINE), "collude", str(COLLUDING_PORT)]).read_json()
    guest.check_output(["nft", "-f", "-"], stdin=NO_RESETS.format(f"tcp sport {COLLUDING_PORT}"))
    guest.check_output(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    request = {
        **attack,
        "gateway_mac": mac_of(venue.gateway, "lan2"),
        "mac": own if machines == 1 else "",
        "first_address": "10.10.40.10",
        "addresses": ADDRESSES,
        "to": str(_server(venue)),
    }
    return guest.start([sys.executable, str(MACHINE), verb, json.dumps(request)])


def _server(venue: Venue) -> object:
    return next(each for each in venue.client("stream").server_addresses if each.version == 4)


def _try_flows(venue: Venue, found: Answered) -> None:
    stream = venue.client("stream")
    rows = stream.open_flows(count=STREAM_FLOWS)
    found.tcp = min(found.tcp, sum(not row["error"] for row in rows))
    argv = ["python3", "-c", UDP_FLOWS, str(_server(venue)), str(ECHO_SERVER_PORT)]
    found.udp = min(found.udp, int(stream.check_output([*argv, str(STREAM_FLOWS)])))
    found.rounds += 1


def _held(venue: Venue) -> int:
    return int(venue.gateway.check_output(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]))
