"""What a flood of the guests adds to the stream's round trip, and what it leaves of its guarantee.

The one bottleneck of an unshaped gateway is the modem: here a slow, deep FIFO behind each end of
the line. All is counted from the moment that the flood begins, for a minute.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.congestion import CUBIC
from bench.fairness import FEATURES_WITHOUT, available_queues, counters, fairness_venue
from bench.figures import Figure, p95
from lbrouter.compile.shaping.htb import QueueKind
from lbrouter.kernel.read.features import features
from tests.kit.shaping_venue import PEER_ADDRESSES, ShapingVenue

UP_BPS, DOWN_BPS = 4_000_000, 20_000_000
"""The line, slow enough for an emulated processor, which must not be the bottleneck. Down it is
faster, because sixteen TCP connections begin with 240 kB that no queue can hold back."""

QUEUE_LINE: Final = f'upload = "{UP_BPS // 1000}kbit"\ndownload = "{DOWN_BPS // 1000}kbit"'
QUEUE_SHARES: Final = {
    "stream": 'upload = { guaranteed = "2mbit" }\ndownload = { guaranteed = "4mbit" }',
    "guests": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "5mbit" }',
}

STREAM_UP_BPS: Final = 1_900_000
STREAM_DOWN_BPS: Final = 3_800_000
"""Of IP packets: 1 % more with the header that the guarantee counts."""

QUEUE_PINGS: Final = 600
PING_INTERVAL_S: Final = 0.1
ADDED_LATENCY_BOUND_MS: Final = 20
INTERNET_DELAY: Final = "netem delay 20ms limit 2000"
UDP_PAYLOAD_BYTES: Final = 1400
STREAM_UP, STREAM_DOWN, FLOOD, FETCH = 5511, 5512, 5520, 5510
"""Ports of the far end."""

COUNTERS: Final = f"""
table inet flood {{
  counter stream {{}}
  counter streamed {{}}
  counter flooded {{}}
  chain in {{
    type filter hook input priority filter
    udp dport {STREAM_UP} counter name stream
    udp sport {STREAM_DOWN} counter name stream
  }}
  chain out {{
    type filter hook output priority filter
    udp dport {STREAM_UP} counter name streamed
    udp sport {STREAM_DOWN} counter name streamed
    udp dport {FLOOD} counter name flooded
    udp sport {FLOOD} counter name flooded
  }}
}}
"""
"""What of the stream has arrived at a host, what it sent of it, what it sent as a flood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFlood:
    """The traffic of the guests. `bps` is five times the line; None is sixteen TCP connections."""

    name: str
    direction: str
    bps: int | None
    behind_modem: bool
    """Without it the provider hands over all that comes, and the gateway's queue is the first."""


GUEST_FLOODS: Final = (
    GuestFlood(
        name="UDP up at five times the line", direction="up", bps=5 * UP_BPS, behind_modem=True
    ),
    GuestFlood(name="16 TCP down", direction="down", bps=None, behind_modem=True),
    GuestFlood(
        name="UDP down at five times the shaped rate, provider without a queue",
        direction="down",
        bps=5 * UP_BPS,
        behind_modem=False,
    ),
)
NARROW_DOWN: Final = QUEUE_LINE.replace(f"{DOWN_BPS // 1000}kbit", f"{UP_BPS // 1000}kbit")
"""For the flood that no modem limits: an emulated processor does not take 100 Mbit/s."""


def measure() -> Iterator[Figure]:
    """An unshaped gateway first, then each queue that this kernel has."""
    with fairness_venue() as built:
        for host in ("far", "stream", "guests"):
            built.run(host, "nft", "-f", "-", stdin=COUNTERS)
        _build_modem(built)
        idle = p95(_round_trips(built, count=100))
        for flood in GUEST_FLOODS:
            if flood.behind_modem:
                yield _flood_row(built, "not shaped (control)", flood, idle, promise="")
        for queue in available_queues():
            promise = "20 ms or less, 99 %" if queue is QueueKind.FQ_CODEL else ""
            for flood in GUEST_FLOODS:
                line = QUEUE_LINE if flood.behind_modem else NARROW_DOWN
                built.apply_shaping(
                    a=line, b=line, without=FEATURES_WITHOUT[queue], **_shares(flood)
                )
                if not flood.behind_modem:
                    built.run("gw", *["tc", "filter", "del", "dev", "ua", "ingress"])
                yield _flood_row(built, queue, flood, idle, promise=promise)
            _queue_of_provider(built, "gw")


def _shares(flood: GuestFlood) -> dict[str, str]:
    """Guarantees that fit into the line."""
    if flood.behind_modem:
        return QUEUE_SHARES
    small = {"4mbit": "2mbit", "5mbit": "1mbit"}
    return {
        name: text.replace(old, new)
        for name, text in QUEUE_SHARES.items()
        for old, new in small.items()
        if old in text
    }


def _build_modem(built: ShapingVenue) -> None:
    """Half a second of queue either way, where the provider has them; and a way of 20 ms to the
    internet, where this kernel can make one: without it TCP has no window to begin with.

    It may send 10 ms of its rate at once, for a timer of an emulated processor is a millisecond
    late, and a shorter burst would make the modem slower than it says.
    """
    for host, bps in (("far", UP_BPS), ("gw", DOWN_BPS)):
        line = f"tbf rate {bps // 1000}kbit burst {bps // 800} latency 500ms"
        built.batch(["link add modem type ifb", "link set modem up"], host)
        built.run(host, *f"tc qdisc add dev modem root {line}".split())
        built.run(host, *["tc", "qdisc", "add", "dev", "ua", "clsact"])
        _queue_of_provider(built, host)
    if "netem" in features():
        built.run("far", *f"tc qdisc add dev ua root {INTERNET_DELAY}".split())


def _queue_of_provider(built: ShapingVenue, host: str) -> None:
    """All that comes in by the line has passed that queue."""
    everything = "protocol all u32 match u32 0 0 action mirred egress redirect dev modem"
    built.run(host, *f"tc filter add dev ua ingress {everything}".split())


def _flood_row(
    built: ShapingVenue, name: str, flood: GuestFlood, idle: float, *, promise: str
) -> Figure:
    """The stream sends and gets its guarantee while guests flood."""
    down = STREAM_DOWN_BPS if flood.behind_modem else STREAM_UP_BPS
    with (
        _sending(built, "stream", STREAM_UP, "up", bps=STREAM_UP_BPS, sockets=4),
        _sending(built, "stream", STREAM_DOWN, "down", bps=down, sockets=4),
    ):
        built.ping(2)
        before, began = _all_counters(built), time.monotonic()
        with _guest_flood(built, flood):
            times = _round_trips(built)
            after, took = _all_counters(built), time.monotonic() - began
    sender, receiver = ("stream", "far") if flood.direction == "up" else ("far", "stream")
    sent = after[sender]["streamed"] - before[sender]["streamed"]
    arrived = after[receiver]["stream"] - before[receiver]["stream"]
    flooder = "guests" if flood.direction == "up" else "far"
    offered = 8e-6 * (after[flooder]["flooded"] - before[flooder]["flooded"]) / took
    size = f" ({offered:.1f} Mbit/s came)" if flood.bps else ""
    over = sum(time > idle + ADDED_LATENCY_BOUND_MS for time in times) * PING_INTERVAL_S
    return Figure(
        what=f"{name}: guests flood by {flood.name}{size}; added to the stream's round trip (p95;"
        f" for how long more than {ADDED_LATENCY_BOUND_MS} ms), and what arrives of its guarantee"
        f" {flood.direction}",
        promise=promise,
        seen=f"{p95(times) - idle:.0f} ms ({over:.1f} s), {100 * arrived / sent:.1f} %"
        f" of {8e-6 * sent / took:.2f} Mbit/s",
        runs=1,
        samples=tuple(times),
    )


@contextmanager
def _guest_flood(built: ShapingVenue, flood: GuestFlood) -> Iterator[None]:
    """The flood, while the block runs."""
    if flood.bps is not None:
        with _sending(built, "guests", FLOOD, flood.direction, bps=flood.bps, sockets=16):
            yield
        return
    fetch = built.start_flow("guests", "a", FETCH, "-R", "-P", "16", "-t", "300", *CUBIC)
    try:
        yield
    finally:
        fetch.stop()


@contextmanager
def _sending(
    built: ShapingVenue, client: str, port: int, direction: str, *, bps: int, sockets: int
) -> Iterator[None]:
    """Datagrams between a client and the far end, from several sockets: what waits in a queue
    counts against the buffer of the socket that sent it, and one alone would wait for the modem.
    """
    rate = str(bps * UDP_PAYLOAD_BYTES // (UDP_PAYLOAD_BYTES + 42) // sockets)
    way = ["-R"] if direction == "down" else []
    words = ["-u", "-l", str(UDP_PAYLOAD_BYTES), "-P", str(sockets), "-b", rate, "-t", "300", *way]
    flow = built.start_flow(client, "a", port, *words)
    try:
        yield
    finally:
        flow.stop()


def _all_counters(built: ShapingVenue) -> dict[str, dict[str, int]]:
    return {host: counters(built, host) for host in ("far", "stream", "guests")}


def _round_trips(built: ShapingVenue, *, count: int = QUEUE_PINGS) -> list[float]:
    """Milliseconds of the stream's round trips; lost ones count as the longest."""
    argv = (
        "ping",
        "-n",
        "-i",
        str(PING_INTERVAL_S),
        "-c",
        str(count),
        "-W",
        "2",
        PEER_ADDRESSES["a"],
    )
    text = built.start("stream", *argv).communicate(timeout=300)[0]
    times = [float(w.removeprefix("time=")) for w in text.split() if w.startswith("time=")]
    return times + [2000.0] * (count - len(times))
