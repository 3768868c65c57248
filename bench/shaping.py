"""Whether shaping keeps its rates: TCP through a line, a VLAN's ceiling, a line that dies.

The venue of tests/kit/shaping_venue.py: clients, a gateway with the trees alone, all beyond in one
namespace. Segments are as large as on a cable (no TSO), so that a window of 100 ms holds packets.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.arrivals import FrameCapture, busiest_window_bytes
from bench.figures import Figure, spread_text
from tests.kit.shaping_gateway import UNTAGGED_PORTS, UPLINK_PORTS
from tests.kit.shaping_venue import ShapingVenue

GOODPUT_SHARE = 1448 / 1514
SHAPING_HEADROOM = 0.95
SHAPING_RATES_MBIT = (5, 20, 100, 500)
SHAPING_RUNS = 3
SHAPING_SECONDS = 6
BURST_WINDOW_S = 0.1
FRAME_BYTES = 1514
SHAPING_PORT = 5500


@contextmanager
def shaping_venue() -> Iterator[ShapingVenue]:
    """Built, with segments as large as on a cable, and taken down."""
    built = ShapingVenue(UNTAGGED_PORTS)
    try:
        built.build()
        for host, ports in (
            ("far", UPLINK_PORTS),
            ("stream", UNTAGGED_PORTS),
            ("guests", UNTAGGED_PORTS),
        ):
            for name, port in ports.items():
                if host in ("far", name):
                    argv = ("ethtool", "-K", port, "tso", "off", "gso", "off")
                    built.run(host, *argv)
        yield built
    finally:
        built.tear_down()


def measure() -> Iterator[Figure]:
    """Goodput and windows at several rates, then ceilings over two lines and over one."""
    with shaping_venue() as built:
        for rate in SHAPING_RATES_MBIT:
            yield from _goodput_rows(built, rate)
        for direction in ("up", "down"):
            yield from _ceiling_rows(built, direction)


def _goodput_rows(built: ShapingVenue, rate: int) -> Iterator[Figure]:
    line = f'upload = "{rate}mbit"\ndownload = "{rate}mbit"'
    shaping = built.apply_shaping(a=line, b=line)
    [whole] = [c for c in shaping.classes if c.interface == "ua" and c.classid[1] == 0x1000]
    up, down, busiest = [], [], []
    for run in range(SHAPING_RUNS):
        got = _single_flow_mbit(built, "a", SHAPING_PORT + 3 * run)
        up.append(got / (rate * 1e4 * SHAPING_HEADROOM * GOODPUT_SHARE))
        got = _single_flow_mbit(built, "a", SHAPING_PORT + 3 * run + 1, "-R")
        down.append(got / (rate * 1e4 * SHAPING_HEADROOM * GOODPUT_SHARE))
        with FrameCapture(built.namespace_argv("gw"), "ua", way="out") as seen:
            _single_flow_mbit(built, "a", SHAPING_PORT + 3 * run + 2)
        bytes_ = busiest_window_bytes(seen.frames, BURST_WINDOW_S) - whole.burst - FRAME_BYTES
        busiest.append(100 * bytes_ * 8 / (whole.rate * BURST_WINDOW_S))
    for way, found in (("up", up), ("down", down)):
        yield Figure(
            what=f"TCP {way} at {rate} Mbit/s, of rate x 0.95 x 0.956",
            promise="99 to 101 %",
            seen=spread_text(found, unit="%"),
            runs=SHAPING_RUNS,
        )
    yield Figure(
        what=f"busiest 100 ms at {rate} Mbit/s, as it leaves, less one burst, of the rate x 0.95",
        promise="100 % at most",
        seen=spread_text(busiest, unit="%"),
        runs=SHAPING_RUNS,
    )


def _single_flow_mbit(built: ShapingVenue, uplink: str, port: int, *options: str) -> float:
    return built.start_flow("stream", uplink, port, "-t", str(SHAPING_SECONDS), *options).rate()


def _ceiling_rows(built: ShapingVenue, direction: str) -> Iterator[Figure]:
    share = '{ guaranteed = "2mbit", ceiling = "6mbit" }'
    guests = f"upload = {share}\ndownload = {share}"
    place = (
        ("far", *UPLINK_PORTS.values())
        if direction == "up"
        else ("guests", UNTAGGED_PORTS["guests"])
    )
    for down, lines in ((frozenset[str](), ("a", "b")), (frozenset({"a"}), ("b",))):
        built.apply_shaping(guests=guests, down=down)
        found = [
            100 * _flooded_bps(built, direction, lines, place) / 6e6 for _ in range(SHAPING_RUNS)
        ]
        yield Figure(
            what=f"ceiling of 6 Mbit/s {direction}, guests flood {' and '.join(lines)}",
            promise="97 to 103 %",
            seen=spread_text(found, unit="%"),
            runs=SHAPING_RUNS,
        )


def _flooded_bps(
    built: ShapingVenue, direction: str, lines: Sequence[str], place: tuple[str, ...]
) -> float:
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
    flows = [
        built.start_flow("guests", each, SHAPING_PORT + 20 + n, *options)
        for n, each in enumerate(lines)
    ]
    built.ping(1.5)
    rate = arriving_bps(built, place, seconds=SHAPING_SECONDS)
    for flow in flows:
        flow.stop()
    return rate


def arriving_bps(built: ShapingVenue, place: tuple[str, ...], *, seconds: float) -> float:
    """Bits per second that arrive at the interfaces of a host."""
    host, *interfaces = place
    begin = built.arrivals(host, *interfaces)
    built.ping(seconds)
    return begin.frame_bps(built.arrivals(host, *interfaces))
