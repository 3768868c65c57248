"""What the queues are worth: fairness between clients, and latency under a flood.

The one bottleneck of an unshaped gateway is the modem: here a slow, deep FIFO behind each end of
the line. Fairness is measured with masquerade on, behind which CAKE must still find the clients.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bench.figures import Figure
from bench.flooded import BLASTER
from lbrouter.compile.htb import Queue
from lbrouter.kernel.features import features
from tests.topology.shaped import FAR, UNTAGGED, Venue

SECONDS: Final = 15
NARROW: Final = 'upload = "2mbit"\ndownload = "2mbit"'
LINE: Final = 'upload = "4mbit"\ndownload = "4mbit"'
"""Slow enough for an emulated processor, which must not be what is measured."""

SHARES: Final = {
    "stream": 'upload = { guaranteed = "2mbit" }\ndownload = { guaranteed = "2mbit" }',
    "guests": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "1mbit" }',
}
SECOND: Final = "10.0.2.8"
"""Another client among the guests."""

WITHOUT: Final = {
    Queue.CAKE: frozenset[str](),
    Queue.FQ_CODEL: frozenset({"cake"}),
    Queue.PFIFO: frozenset({"cake", "fq_codel"}),
}

MASQUERADE: Final = """
table ip hide {
  counter one {}
  counter eight {}
  chain count {
    type filter hook forward priority filter
    ip saddr 10.0.2.9 counter name one
    ip saddr 10.0.2.8 counter name eight
    ip daddr 10.0.2.9 counter name one
    ip daddr 10.0.2.8 counter name eight
  }
  chain post {
    type nat hook postrouting priority srcnat
    oifname { "ua", "ub" } masquerade
  }
}
"""

STREAM_BPS: Final = 1_900_000
"""Of IP packets: 1.92 Mbit/s with the header that the guarantee of 2 Mbit/s counts."""

GUESTS_BPS: Final = 20_000_000
PINGS: Final = 150
SENDING_S: Final = 120

STREAM_PORT, GUESTS_PORT = 11, 9
Sending = tuple[str, str, int, int]
"""From which host to which address and port, in bits per second. Sent from many sockets each: what
waits in a queue counts against the buffer of the socket that sent it, until a router has taken it.
A flood from one socket waits for the modem's queue instead of filling it."""

STREAM: Final[tuple[Sending, ...]] = (
    ("stream", FAR["a"], STREAM_PORT, STREAM_BPS),
    ("far", FAR["stream"], STREAM_PORT, STREAM_BPS),
)
FLOODS: Final[dict[str, tuple[str, tuple[Sending, ...]]]] = {
    "UDP up": ("up", (("guests", FAR["a"], GUESTS_PORT, GUESTS_BPS),)),
    "16 TCP down": ("down", ()),
    "UDP down": ("down", (("far", FAR["guests"], GUESTS_PORT, GUESTS_BPS),)),
}
"""What comes down and does not slow down fills the provider's queue: nobody here can order it."""

FETCH: Final = ("-R", "-P", "16", "-t", "300")

COUNTERS: Final = f"""
table inet flood {{
  counter stream {{}}
  counter sent {{}}
  chain in {{
    type filter hook input priority filter
    udp dport {STREAM_PORT} counter name stream drop
    udp dport {GUESTS_PORT} drop
  }}
  chain out {{
    type filter hook output priority filter
    udp dport {GUESTS_PORT} counter name sent
  }}
}}
"""


def measure() -> Iterator[Figure]:
    """Each queue that this kernel has, beside what an unshaped gateway does."""
    with _venue() as built:
        for queue in _queues():
            built.shape(a=NARROW, b=NARROW, without=WITHOUT[queue], **SHARES)
            for direction, way in (("up", ()), ("down", ("-R",))):
                yield _fair(built, queue, direction, way)
    with _venue() as built:
        for host in ("far", "stream", "guests"):
            built.run(host, "nft", "-f", "-", stdin=COUNTERS)
        _modem(built)
        idle = _latency(built)
        yield from _flooded(built, "not shaped (control)", idle, "")
        for queue in _queues():
            built.shape(a=LINE, b=LINE, without=WITHOUT[queue], **SHARES)
            promise = "20 ms or less" if queue is not Queue.PFIFO else ""
            yield from _flooded(built, queue, idle, promise)


def _queues() -> list[Queue]:
    there = features()
    return [each for each in Queue if each is Queue.PFIFO or each in there]


@contextmanager
def _venue() -> Iterator[Venue]:
    built = Venue(UNTAGGED)
    try:
        built.build()
        built.batch([f"addr add {SECOND}/24 dev {UNTAGGED['guests']}"], "guests")
        built.run("gw", "nft", "-f", "-", stdin=MASQUERADE)
        yield built
    finally:
        built.tear_down()


def _fair(built: Venue, queue: Queue, direction: str, way: Sequence[str]) -> Figure:
    options = ("-t", "300", *way)
    one = built.flow("guests", "a", 5501, "-B", FAR["guests"], *options)
    eight = built.flow("guests", "a", 5502, "-B", SECOND, "-P", "8", *options)
    built.probe(5)
    before, began = _carried(built), time.monotonic()
    built.probe(SECONDS)
    after, took = _carried(built), time.monotonic() - began
    for flow in (one, eight):
        flow.stop()
    rates = [8e-6 * (after[name] - before[name]) / took for name in ("one", "eight")]
    jain = sum(rates) ** 2 / (2 * sum(rate * rate for rate in rates))
    return Figure(
        what=f"{queue}, {direction}: a client with one connection, one with eight (2 Mbit/s)",
        promise="Jain 0.95" if queue is Queue.CAKE else "",
        seen=f"Jain {jain:.3f} ({rates[0]:.2f} and {rates[1]:.2f} Mbit/s)",
        runs=1,
    )


def _carried(built: Venue) -> dict[str, int]:
    """Bytes of each of the two clients so far."""
    return _counted(built, "gw")


def _counted(built: Venue, host: str) -> dict[str, int]:
    listed = json.loads(built.run(host, "nft", "-j", "list", "counters"))["nftables"]
    found = (each["counter"] for each in listed if "counter" in each)
    return {each["name"]: each["bytes"] for each in found}


def _modem(built: Venue) -> None:
    """4 Mbit/s and half a second of queue either way, where the provider has them."""
    line = ["tbf", "rate", "4mbit", "burst", "3100", "latency", "500ms"]
    everything = "protocol all u32 match u32 0 0 action mirred egress redirect dev modem"
    for host in ("far", "gw"):
        built.batch(["link add modem type ifb", "link set modem up"], host)
        built.run(host, "tc", "qdisc", "add", "dev", "modem", "root", *line)
        built.run(host, "tc", "qdisc", "add", "dev", "ua", "clsact")
        built.run(host, *f"tc filter add dev ua ingress {everything}".split())


def _flooded(built: Venue, name: str, idle: float, promise: str) -> Iterator[Figure]:
    """The stream sends and gets its guarantee while guests flood, one way after the other."""
    for flood, (direction, flows) in FLOODS.items():
        with _running(built, (*STREAM, *flows), fetching=not flows):
            before, began = _passed(built), time.monotonic()
            added = _latency(built) - idle
            after, took = _passed(built), time.monotonic() - began
        up, down, sent = (8 * (n - old) / took for n, old in zip(after, before, strict=True))
        share = 100 * (up if direction == "up" else down) / STREAM_BPS
        size = f" at {sent / 1e6:.1f} Mbit/s" if flows else ""
        hopeless = flows and direction == "down"
        yield Figure(
            what=f"{name}: guests flood by {flood}{size}; added to the stream's round trip (p95),"
            f" and what it has of its guarantee {direction}",
            promise="" if hopeless or not promise else f"{promise}, 99 %",
            seen=f"{added:.0f} ms, {share:.1f} %",
            runs=1,
        )


@contextmanager
def _running(built: Venue, flows: Sequence[Sending], *, fetching: bool) -> Iterator[None]:
    """Senders, and a download of sixteen connections if asked for, while the block runs."""
    fetch = built.flow("guests", "a", 5510, *FETCH) if fetching else None
    senders = [built.start(host, *_blaster(to, port, bps)) for host, to, port, bps in flows]
    try:
        built.probe(2)
        yield
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
        if fetch is not None:
            fetch.stop()


def _blaster(to: str, port: int, bps: int) -> list[str]:
    words = (to, str(port), str(bps * 1400 / 1442), str(SENDING_S))
    return [sys.executable, "-I", "-S", "-c", BLASTER, *words]


def _passed(built: Venue) -> tuple[int, int, int]:
    """Bytes of the stream that have arrived, up and down; bytes that flooding guests were sent, or
    sent.
    """
    up, down = (_counted(built, host)["stream"] for host in ("far", "stream"))
    return up, down, sum(_counted(built, host)["sent"] for host in ("guests", "far"))


def _latency(built: Venue) -> float:
    """Milliseconds of the stream's round trip, 95th percentile; lost ones count as the longest."""
    argv = ("ping", "-n", "-i", "0.1", "-c", str(PINGS), "-W", "2", FAR["a"])
    text = built.start("stream", *argv).communicate(timeout=120)[0]
    times = [float(w.removeprefix("time=")) for w in text.split() if w.startswith("time=")]
    times += [2000.0] * (PINGS - len(times))
    return sorted(times)[int(PINGS * 0.95) - 1]
