"""Whether shaping keeps its rates: TCP through a line, a VLAN's ceiling, a line that dies.

The venue of tests/kit/shaping_venue.py: clients, a gateway with the trees alone, all beyond in one
namespace. Segments are as large as on a cable (no TSO), so that a window of 100 ms holds packets.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.arrivals import Arrivals, most
from bench.figures import Figure, spread
from tests.kit.shaping_venue import UNTAGGED, UPLINKS, Venue

GOODPUT = 1448 / 1514
HEADROOM = 0.95
RATES = (5, 20, 100, 500)
RUNS = 3
SECONDS = 6
WINDOW_S = 0.1
FRAME = 1514
PORT = 5500


@contextmanager
def venue() -> Iterator[Venue]:
    """Built, with segments as large as on a cable, and taken down."""
    built = Venue(UNTAGGED)
    try:
        built.build()
        for host, ports in (("far", UPLINKS), ("stream", UNTAGGED), ("guests", UNTAGGED)):
            for name, port in ports.items():
                if host in ("far", name):
                    argv = ("ethtool", "-K", port, "tso", "off", "gso", "off")
                    built.run(host, *argv)
        yield built
    finally:
        built.tear_down()


def measure() -> Iterator[Figure]:
    """Goodput and windows at several rates, then ceilings over two lines and over one."""
    with venue() as built:
        for rate in RATES:
            yield from _goodput(built, rate)
        for direction in ("up", "down"):
            yield from _ceiling(built, direction)


def _goodput(built: Venue, rate: int) -> Iterator[Figure]:
    line = f'upload = "{rate}mbit"\ndownload = "{rate}mbit"'
    shaping = built.shape(a=line, b=line)
    [whole] = [c for c in shaping.classes if c.interface == "ua" and c.classid[1] == 0x1000]
    up, down, busiest = [], [], []
    for run in range(RUNS):
        got = _alone(built, "a", PORT + 3 * run)
        up.append(got / (rate * 1e4 * HEADROOM * GOODPUT))
        got = _alone(built, "a", PORT + 3 * run + 1, "-R")
        down.append(got / (rate * 1e4 * HEADROOM * GOODPUT))
        with Arrivals(built.command("gw"), "ua", way="out") as seen:
            _alone(built, "a", PORT + 3 * run + 2)
        bytes_ = most(seen.frames, WINDOW_S) - whole.burst - FRAME
        busiest.append(100 * bytes_ * 8 / (whole.rate * WINDOW_S))
    for way, found in (("up", up), ("down", down)):
        yield Figure(
            what=f"TCP {way} at {rate} Mbit/s, of rate x 0.95 x 0.956",
            promise="99 to 101 %",
            seen=spread(found, unit="%"),
            runs=RUNS,
        )
    yield Figure(
        what=f"busiest 100 ms at {rate} Mbit/s, as it leaves, less one burst, of the rate x 0.95",
        promise="100 % at most",
        seen=spread(busiest, unit="%"),
        runs=RUNS,
    )


def _alone(built: Venue, uplink: str, port: int, *options: str) -> float:
    return built.flow("stream", uplink, port, "-t", str(SECONDS), *options).rate()


def _ceiling(built: Venue, direction: str) -> Iterator[Figure]:
    share = '{ guaranteed = "2mbit", ceiling = "6mbit" }'
    guests = f"upload = {share}\ndownload = {share}"
    place = ("far", *UPLINKS.values()) if direction == "up" else ("guests", UNTAGGED["guests"])
    for down, lines in ((frozenset[str](), ("a", "b")), (frozenset({"a"}), ("b",))):
        built.shape(guests=guests, down=down)
        found = [100 * _flooded(built, direction, lines, place) / 6e6 for _ in range(RUNS)]
        yield Figure(
            what=f"ceiling of 6 Mbit/s {direction}, guests flood {' and '.join(lines)}",
            promise="97 to 103 %",
            seen=spread(found, unit="%"),
            runs=RUNS,
        )


def _flooded(built: Venue, direction: str, lines: Sequence[str], place: tuple[str, ...]) -> float:
    """Bits per second that arrive, with their Ethernet headers, while guests flood the lines."""
    options = (
        "-u",
        "-b",
        "15M",
        "-l",
        "1448",
        "-t",
        "60",
        *(["-R"] if direction == "down" else []),
    )
    flows = [built.flow("guests", each, PORT + 20 + n, *options) for n, each in enumerate(lines)]
    built.probe(1.5)
    rate = arriving(built, place, seconds=SECONDS)
    for flow in flows:
        flow.stop()
    return rate


def arriving(built: Venue, place: tuple[str, ...], *, seconds: float) -> float:
    """Bits per second that arrive at the interfaces of a host."""
    host, *interfaces = place
    had, began = built.received(host, *interfaces), time.monotonic()
    built.probe(seconds)
    return (built.received(host, *interfaces) - had) * 8 / (time.monotonic() - began)
