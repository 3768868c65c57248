"""Whether shaping keeps its rates: TCP through a line, a VLAN's ceiling, a line that dies.

The venue of tests/topology/shaped.py: clients, a gateway with the trees alone, all beyond in one
namespace. Segments are as large as on a cable (no TSO), so that a window of 100 ms holds packets.
"""

import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from bench.figures import Figure, spread
from tests.topology.shaped import UNTAGGED, UPLINKS, Venue

GOODPUT = 1448 / 1514
HEADROOM = 0.95
RATES = (5, 20, 100, 500)
RUNS = 3
SECONDS = 6
WINDOW_S = 0.1
FRAME = 1514
PCAP_RECORD = struct.Struct("=IIII")
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
    up, down, most = [], [], []
    for run in range(RUNS):
        got = _alone(built, "a", PORT + 3 * run)
        up.append(got / (rate * 1e4 * HEADROOM * GOODPUT))
        got = _alone(built, "a", PORT + 3 * run + 1, "-R")
        down.append(got / (rate * 1e4 * HEADROOM * GOODPUT))
        with Watch(built, "far", "ua") as watch:
            _alone(built, "a", PORT + 3 * run + 2)
        most.append(100 * (watch.most() - whole.burst - FRAME) * 8 / (whole.rate * WINDOW_S))
    for way, found in (("up", up), ("down", down)):
        yield Figure(
            what=f"TCP {way} at {rate} Mbit/s, of rate x 0.95 x 0.956",
            promise="99 to 101 %",
            seen=spread(found, unit="%"),
            runs=RUNS,
        )
    yield Figure(
        what=f"busiest 100 ms at {rate} Mbit/s less one burst, of the rate x 0.95",
        promise="100 % at most",
        seen=spread(most, unit="%"),
        runs=RUNS,
    )


def _alone(built: Venue, uplink: str, port: int, *options: str) -> float:
    return built.flow("stream", uplink, port, "-t", str(SECONDS), *options).rate()


class Watch:
    """Frames that arrive at an interface of a host, with their times, while the block runs."""

    def __init__(self, built: Venue, host: str, interface: str) -> None:
        self.argv = built.command(host, "tcpdump", "-i", interface, "-Q", "in", "-s", "64", "-U")
        self.frames: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self.folder = TemporaryDirectory(prefix="lbr-bench-")
        self.file = Path(self.folder.name) / "frames.pcap"
        self.process = subprocess.Popen(
            [*self.argv, "-B", "16384", "-Z", "root", "-w", str(self.file)],
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while not self.file.exists() or self.file.stat().st_size < 24:
            if time.monotonic() > until:
                raise RuntimeError("tcpdump does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.frames = list(_frames(self.file.read_bytes()))
        self.folder.cleanup()

    def most(self) -> int:
        """Bytes in the busiest window."""
        most, held, first = 0, 0, 0
        for at, size in self.frames:
            held += size
            while self.frames[first][0] <= at - WINDOW_S:
                held -= self.frames[first][1]
                first += 1
            most = max(most, held)
        return most


def _frames(content: bytes) -> Iterator[tuple[float, int]]:
    """Time and length of each record of a pcap file."""
    place = 24
    while place + PCAP_RECORD.size <= len(content):
        seconds, micro, kept, length = PCAP_RECORD.unpack_from(content, place)
        yield seconds + micro / 1e6, length
        place += PCAP_RECORD.size + kept


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
