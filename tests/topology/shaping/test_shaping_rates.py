"""Shaping under real traffic. Rates are those that arrive, counted where they arrive."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.compile.shaping.build import ShapingPlan
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_namespace
from tests.kit.shaping_gateway import SCOPE, UNTAGGED_PORTS, shaping_for, shaping_part
from tests.kit.shaping_venue import ShapingVenue

pytestmark = [pytest.mark.needs("htb", "ifb", "u32", "nft"), pytest.mark.slow]

GOODPUT_RATIO = 1448 / 1514
"""What TCP delivers of a rate that counts Ethernet frames."""

SLOW_START_S, WINDOW_S = 1.0, 2.0
"""How long TCP has to find the rate of a line; how long what arrives is counted then."""

# Sent by the gateway itself as fast as its socket takes them: the socket blocks while some fifteen
# of them wait in the queue, so that there is always a queue and never too long a one. The end of
# standard input ends it.
SENDER_SCRIPT = """
import select, socket, sys
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    line.sendto(number.to_bytes(4, "big").ljust(958, b"."), ("203.0.113.1", 5999))
    number += 1
print(number)
"""

RECEIVER_SCRIPT = """
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind(("203.0.113.1", 5999))
print("ready", flush=True)
line.settimeout(3)
try:
    while True:
        print(int.from_bytes(line.recv(2000)[:4], "big"))
except TimeoutError:
    pass
"""


@pytest.fixture(scope="module")
def venue() -> Iterator[ShapingVenue]:
    built = ShapingVenue(UNTAGGED_PORTS)
    try:
        built.build()
        yield built
    finally:
        built.tear_down()


@pytest.fixture
def report_lines(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Iterator[list[str]]:
    """Figures of a test, printed whether it passes or not."""
    figures: list[str] = []
    yield figures
    with capsys.disabled():
        sys.stdout.write(f"\n  {request.node.name}: {', '.join(figures)}\n")


def rate_keys(rate: float) -> str:
    return f'upload = "{rate}mbit"\ndownload = "{rate}mbit"'


@pytest.mark.parametrize("rate", [5, 20, 100])
def test_goodput_is_the_rate_less_headroom_and_headers(
    venue: ShapingVenue, report_lines: list[str], rate: int
) -> None:
    venue.apply_shaping(a=rate_keys(rate), b=rate_keys(rate))
    wanted = rate * 1e6 * 0.95 * GOODPUT_RATIO
    long = ("-t", "60")
    flows = [
        venue.start_flow("stream", "a", 5201, *long),
        venue.start_flow("stream", "b", 5202, "-R", *long),
    ]
    venue.ping(SLOW_START_S)
    places = {"up": ("far", "ua"), "down": ("stream", venue.client_ports["stream"])}
    begin = {way: venue.arrivals(*place) for way, place in places.items()}
    venue.ping(WINDOW_S)
    for way, place in places.items():
        share = begin[way].tcp_payload_bps(venue.arrivals(*place)) / wanted
        report_lines.append(f"{way} {share:.3f} of {wanted / 1e6:.2f} Mbit/s")
        assert 0.94 < share < 1.03, report_lines
    for flow in flows:
        flow.stop()


def test_a_flood_of_guests_leaves_the_stream_its_guarantee(
    venue: ShapingVenue, report_lines: list[str]
) -> None:
    """Ten times the line in UDP against one TCP connection: up on one uplink, down on the other."""
    venue.apply_shaping()
    flood = ("-u", "-b", "100M", "-l", "1448")
    guests = [
        venue.start_flow("guests", "a", 5203, *flood),
        venue.start_flow("guests", "b", 5204, "-R", *flood),
    ]
    stream = [venue.start_flow("stream", "a", 5205), venue.start_flow("stream", "b", 5206, "-R")]
    up, down = (flow.rate() for flow in stream)
    report_lines += [f"stream up {up / 1e6:.2f}", f"down {down / 1e6:.2f} Mbit/s"]
    report_lines += [f"guests {flow.rate() / 1e6:.2f} Mbit/s" for flow in guests]
    assert up > 8e6 * GOODPUT_RATIO * 0.99
    assert down > 8e6 * GOODPUT_RATIO * 0.99


def test_a_flood_of_everybody_leaves_everybody_his_guarantee(
    venue: ShapingVenue, report_lines: list[str]
) -> None:
    """The gateway's own probes too: they are answered while both VLANs send what they can."""
    venue.apply_shaping(down=frozenset({"b"}))
    options = ("-u", "-b", "60M", "-l", "1448")
    flows = [
        venue.start_flow("stream", "a", 5207, *options),
        venue.start_flow("guests", "a", 5208, *options),
    ]
    venue.wait_for_queue("ua", "4c01:1001", "4c01:1002")
    begin = venue.arrivals("far", "ua")
    before, started = venue.leaf_counters("ua", "bytes"), time.monotonic()
    probes = venue.ping(1.2)
    took = time.monotonic() - started
    after = venue.leaf_counters("ua", "bytes")
    whole = begin.frame_bps(venue.arrivals("far", "ua"))
    stream, guests = ((after[c] - before[c]) * 8 / took for c in ("4c01:1001", "4c01:1002"))
    report_lines += [f"stream {stream / 1e6:.2f}", f"guests {guests / 1e6:.2f}"]
    report_lines += [f"all {whole / 1e6:.2f} Mbit/s", probes.splitlines()[-1]]
    for flow in flows:
        flow.rate()
    assert stream > 8e6 * 0.99
    assert guests > 2e6 * 0.97
    assert whole < 19e6 * 1.02
    assert " 0% packet loss" in probes
    assert float(probes.rsplit("/", 2)[1]) < 50


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_ceiling_holds_over_two_uplinks_and_over_one(
    venue: ShapingVenue, report_lines: list[str], direction: str
) -> None:
    ceiling = '{ guaranteed = "2mbit", ceiling = "6mbit" }'
    guests = f"upload = {ceiling}\ndownload = {ceiling}"
    venue.apply_shaping(guests=guests)
    tree = "lbr-up" if direction == "up" else "lg"
    both = rate_under_flood(venue, direction, tree, {"a": "4c01:1002", "b": "4c01:2002"})
    venue.apply_shaping(guests=guests, down=frozenset({"a"}))
    # Over one uplink the line's tree holds the ceiling as well, and comes first on the way down.
    tree = "lbr-up" if direction == "up" else "lbr-down"
    alone = rate_under_flood(venue, direction, tree, {"b": "4c01:2002"})
    report_lines += [f"two uplinks {both / 1e6:.3f}", f"one {alone / 1e6:.3f} Mbit/s of 6"]
    # Never more; less only where this machine has no time to send it.
    assert 5.4e6 < both < 6.18e6
    assert 5.4e6 < alone < 6.18e6


def rate_under_flood(
    venue: ShapingVenue, direction: str, tree: str, classes: dict[str, str]
) -> float:
    """Bits per second that arrive while guests flood the uplinks of `classes`."""
    options = ("-u", "-b", "12M", "-l", "1448", *(["-R"] if direction == "down" else []))
    flows = [venue.start_flow("guests", u, 5209 + n, *options) for n, u in enumerate(classes)]
    place = ("far", "ua", "ub") if direction == "up" else ("guests", "lg")
    venue.wait_for_queue(tree, *classes.values())
    begin = venue.arrivals(*place)
    venue.ping(0.9)
    rate = begin.frame_bps(venue.arrivals(*place))
    for flow in flows:
        flow.rate()
    return rate


def test_hundreds_of_changes_under_a_standing_queue_lose_no_packet(
    venue: ShapingVenue, report_lines: list[str]
) -> None:
    rates = {
        rate: shaping_for(frozenset(), {**venue.sections, "a": rate_keys(rate)})
        for rate in (10, 12)
    }
    venue.apply_shaping(a=rate_keys(10))
    receiver = venue.start("far", sys.executable, "-c", RECEIVER_SCRIPT)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    sender = venue.start("gw", sys.executable, "-c", SENDER_SCRIPT)
    venue.wait_for_queue("ua", "4c01:ffe")
    with in_namespace(Path(f"/run/netns/{venue.prefix}gw")):
        changes = asyncio.run(change_classes([rates[12], rates[10]] * 20))
    backlog = venue.leaf_counters("ua", "qlen")["4c01:ffe"]
    sent = int(sender.communicate(timeout=30)[0])
    arrived = [int(number) for number in receiver.communicate(timeout=30)[0].split()]
    report_lines += [f"{changes} changes, {len(arrived)} of {sent} packets"]
    report_lines += [f"{backlog} queued at the last change"]
    assert backlog > 0
    assert arrived == list(range(sent))


async def change_classes(steps: Sequence[ShapingPlan]) -> int:
    """Bring the classes to each of `steps` in turn; the number of class changes."""
    done = 0
    async with LinuxKernel() as kernel:
        seen = shaping_part(await kernel.observe(SCOPE))
        for step in steps:
            wanted = replace(seen, classes=step.classes)
            for operation in diff(seen, wanted).operations:
                await kernel.execute(operation)
                done += 1
            seen = wanted
    return done
