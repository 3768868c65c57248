"""Guarantees when a line dies, and probes under a full flood: with the daemon, in its own venue.

Everybody floods with UDP, which no queue can slow down. What passes is counted where it is shaped
and where it arrives; probes are pings of the gateway by each line.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from statistics import quantiles

from bench.figures import Figure
from lbrouter.compile.parse import parse
from lbrouter.rehearsal.shell import Job
from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import eventually
from tests.topology.daemons import FAST, Daemon

LINES = {"fiber": ("wan1", 20), "lte": ("wan2", 10)}
GUARANTEE_BPS = 8e6
LOOK_S = 0.1
WINDOW_S = 0.5
AFTER_S = 6.0
FLOOD_S = 60
PAUSE = threading.Event()

TEXT = (
    FAST
    + """
[gateway]
name = "rescaling"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "20mbit"
download = "20mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "10mbit"
download = "10mbit"

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

BLASTER = """
import socket, sys, time
to, rate, until = sys.argv[1], float(sys.argv[2]) / 8 / 1400, time.monotonic() + float(sys.argv[3])
lines = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
sent, began = 0, time.monotonic()
while (now := time.monotonic()) < until:
    while sent < (now - began) * rate:
        try:
            lines[sent % 16].sendto(b"." * 1400, (to, 9))
        except OSError:
            pass
        sent += 1
    time.sleep(0.002)
"""


def measure() -> Iterator[Figure]:
    """Either line dies; the same without rescaling; a flood of every class for a minute."""
    for dies, stays in (("fiber", "lte"), ("lte", "fiber")):
        yield from _dies(dies, stays)
    yield from _flood()


@contextmanager
def _venue(policy: str) -> Iterator[tuple[Venue, Daemon]]:
    config = parse(TEXT.format(policy=policy).encode(), source="bench").config
    with ExitStack() as stack:
        built = stack.enter_context(Venue.build(config))
        daemon = stack.enter_context(Daemon(built.gateway))
        _wait(lambda: all(daemon.state(name) == "up" for name in LINES))
        yield built, daemon


def _dies(dies: str, stays: str) -> Iterator[Figure]:
    with _venue(f'mode = "failover"\nuplinks = ["{dies}", "{stays}"]') as (built, daemon):
        _blast(built, bps=30e6, seconds=60)
        counter = Counter(built, stays)
        built.isp(dies).blackhole(on=True)
        _wait(lambda: bool(daemon.events("move")))
        seen = counter.follow(AFTER_S)
        moved = datetime.fromisoformat(daemon.events("move")[-1]["at"]).timestamp()
        had_after = next((at - moved for at, stream, _ in seen if stream >= 0.98 * 8e6), None)
        settled = [row for row in seen if row[0] > moved + 2]
        daemon.stop()
        free = LINES[stays][1] * 0.95e6
        yield Figure(
            what=f"{dies} dies: the stream has its 8 Mbit/s on {stays} after the event",
            promise="2 s",
            seen="never" if had_after is None else f"{had_after:.2f} s",
            runs=1,
        )
        yield Figure(
            what=f"{dies} dies: least of the stream, most of all, from 2 s on",
            promise=f"8 or more, {free / 1e6:.1f} or less",
            seen=f"{min(r[1] for r in settled) / 1e6:.2f}, {max(r[2] for r in settled) / 1e6:.2f}"
            " Mbit/s",
            runs=len(settled),
        )
        if stays == "lte":
            yield _without_rescaling(built, counter)


def _without_rescaling(built: Venue, counter: "Counter") -> Figure:
    """The guests' guarantee as it was on both lines, on the one that is left."""
    change = "tc class change dev wan2 parent 4c01:2000 classid 4c01:2002 htb prio 4"
    size = "burst 4000b cburst 4000b quantum 1514"
    built.gateway.check(f"{change} rate 6mbit ceil 9500kbit {size}".split())
    seen = counter.follow(AFTER_S)
    return Figure(
        what="control: guarantees of 8 and 6 left as they were, all over lte",
        promise="more than 9.5",
        seen=f"{max(row[2] for row in seen) / 1e6:.2f} Mbit/s",
        runs=len(seen),
    )


class Counter:
    """Bits per second of the stream and of all, on a line that is left."""

    def __init__(self, built: Venue, line: str) -> None:
        self.gateway, self.interface = built.gateway, LINES[line][0]
        number = list(LINES).index(line) + 1
        self.stream = f"4c01:{number}001"

    def follow(self, seconds: float) -> list[tuple[float, float, float]]:
        """(time, stream, all): rates over the half second before each look."""
        looks, until = [self._look()], time.monotonic() + seconds
        while time.monotonic() < until:
            PAUSE.wait(LOOK_S)
            looks.append(self._look())
        pairs = ((each, _before(looks, each[0])) for each in looks)
        return [
            (now[0], *(8 * (now[n] - old[n]) / (now[0] - old[0]) for n in (1, 2)))
            for now, old in pairs
            if old is not None
        ]

    def _look(self) -> tuple[float, float, float]:
        began = time.time()
        text = self.gateway.check(["tc", "-s", "-j", "qdisc", "show", "dev", self.interface])
        at = (began + time.time()) / 2
        sent = {each.get("parent", "root"): each["bytes"] for each in json.loads(text)}
        return at, sent[self.stream], sent["root"]


def _before(
    looks: list[tuple[float, float, float]], at: float
) -> tuple[float, float, float] | None:
    """The last look that is half a second old."""
    old = [each for each in looks if each[0] <= at - WINDOW_S]
    return old[-1] if old else None


def _blast(built: Venue, *, bps: float, seconds: float) -> list[Job]:
    argv = [sys.executable, "-I", "-S", "-c", BLASTER]
    clients = [built.client(name) for name in ("stream", "guests")]
    return [
        each.start(
            [*argv, str(next(s for s in each.servers if s.version == 4)), str(bps), str(seconds)]
        )
        for each in clients
    ]


def _flood() -> Iterator[Figure]:
    """UDP up by both lines at five times what they carry, TCP down by both, from both VLANs."""
    with _venue('mode = "balance"\nsticky = "0s"\nuplinks = ["fiber", "lte"]') as (built, daemon):
        _blast(built, bps=75e6, seconds=FLOOD_S + 5)
        _download(built)
        argv = ["ping", "-i", "0.1", "-c", str(10 * FLOOD_S)]
        jobs = {
            name: built.gateway.start([*argv, "-I", interface, "8.8.8.8"])
            for name, (interface, _) in LINES.items()
        }
        jobs["no line (control: its own loopback)"] = built.gateway.start([*argv, "127.0.0.1"])
        for name, job in jobs.items():
            text, _ = job.process.communicate(timeout=FLOOD_S + 30)
            times = [float(w.removeprefix("time=")) for w in text.split() if w.startswith("time=")]
            back = f"{len(times)} of {10 * FLOOD_S} came back"
            yield Figure(
                what=f"flood of every class for a minute: probes by {name}, p99 of the round trip",
                promise="under 50 ms",
                seen=f"{quantiles(times, n=100)[98]:.1f} ms, {back}",
                runs=1,
            )
        false = [each for each in daemon.events("uplink") if "is down" in each["text"]]
        yield Figure(
            what="flood of every class for a minute: uplinks taken for dead",
            promise="0",
            seen=str(len(false)),
            runs=1,
        )


def _download(built: Venue) -> None:
    for number, name in enumerate(("stream", "guests")):
        port = str(5600 + number)
        client = built.client(name)
        built.internet.start(["iperf3", "-s", "-1", "-p", port])
        _wait(lambda p=port: f":{p}" in built.internet.check(["ss", "-Hltn"]))  # type: ignore[misc]
        server = next(str(each) for each in client.servers if each.version == 4)
        client.start(["iperf3", "-c", server, "-p", port, "-R", "-P", "8", "-t", str(FLOOD_S + 5)])


def _wait(holds: object) -> None:
    assert callable(holds)
    if not eventually(holds, within_s=30):
        raise RuntimeError("what was waited for did not come")
