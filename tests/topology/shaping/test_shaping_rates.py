"""Shaping under real traffic. Rates are those that arrive, counted where they arrive."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.compile.shaping.build import Shaping
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import entered
from tests.kit.shaping_venue import SCOPE, UNTAGGED, Venue, mine, shaping

pytestmark = [pytest.mark.needs("htb", "ifb", "u32", "nft"), pytest.mark.slow]

GOODPUT = 1448 / 1514
"""What TCP delivers of a rate that counts Ethernet frames."""

PACKETS = 2500

# Sent by the gateway itself as fast as its socket takes them: the socket blocks while some fifteen
# of them wait in the queue, so that there is always a queue and never too long a one.
SENDER = f"""
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000)
for number in range({PACKETS}):
    line.sendto(number.to_bytes(4, "big").ljust(958, b"."), ("203.0.113.1", 5999))
"""

RECEIVER = """
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
def venue() -> Iterator[Venue]:
    built = Venue(UNTAGGED)
    try:
        built.build()
        yield built
    finally:
        built.tear_down()


@pytest.fixture
def record(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Iterator[list[str]]:
    """Figures of a test, shown whether it passes or not."""
    figures: list[str] = []
    yield figures
    with capsys.disabled():
        sys.stdout.write(f"\n  {request.node.name}: {', '.join(figures)}\n")


def line(rate: float) -> str:
    return f'upload = "{rate}mbit"\ndownload = "{rate}mbit"'


@pytest.mark.parametrize("rate", [5, 20, 100])
def test_goodput_is_the_rate_less_headroom_and_headers(
    venue: Venue, record: list[str], rate: int
) -> None:
    venue.shape(a=line(rate), b=line(rate))
    wanted = rate * 1e6 * 0.95 * GOODPUT
    for _ in range(2):  # a receiver that is starved counts in one second what came in two
        flows = [venue.flow("stream", "a", 5201), venue.flow("stream", "b", 5202, "-R")]
        ways = {
            name: flow.rate() / wanted for name, flow in zip(("up", "down"), flows, strict=True)
        }
        record += [
            f"{name} {share:.3f} of {wanted / 1e6:.2f} Mbit/s" for name, share in ways.items()
        ]
        if all(0.94 < share < 1.03 for share in ways.values()):
            return
    pytest.fail(f"neither of two measurements is within 0.94 and 1.03: {', '.join(record)}")


def test_a_flood_of_guests_leaves_the_stream_its_guarantee(venue: Venue, record: list[str]) -> None:
    """Ten times the line in UDP against one TCP connection: up on one uplink, down on the other."""
    venue.shape()
    flood = ("-u", "-b", "100M", "-l", "1448")
    guests = [
        venue.flow("guests", "a", 5203, *flood),
        venue.flow("guests", "b", 5204, "-R", *flood),
    ]
    stream = [venue.flow("stream", "a", 5205), venue.flow("stream", "b", 5206, "-R")]
    up, down = (flow.rate() for flow in stream)
    record += [f"stream up {up / 1e6:.2f}", f"down {down / 1e6:.2f} Mbit/s"]
    record += [f"guests {flow.rate() / 1e6:.2f} Mbit/s" for flow in guests]
    assert up > 8e6 * GOODPUT * 0.99
    assert down > 8e6 * GOODPUT * 0.99


def test_a_flood_of_everybody_leaves_everybody_his_guarantee(
    venue: Venue, record: list[str]
) -> None:
    """The gateway's own probes too: they are answered while both VLANs send what they can."""
    venue.shape(down=frozenset({"b"}))
    options = ("-u", "-b", "60M", "-l", "1448")
    flows = [venue.flow("stream", "a", 5207, *options), venue.flow("guests", "a", 5208, *options)]
    venue.queued("ua", "4c01:1001", "4c01:1002")
    before, had, started = (
        venue.leaves("ua", "bytes"),
        venue.received("far", "ua"),
        time.monotonic(),
    )
    probes = venue.probe(1.2)
    took = time.monotonic() - started
    whole = (venue.received("far", "ua") - had) * 8 / took
    after = venue.leaves("ua", "bytes")
    stream, guests = ((after[c] - before[c]) * 8 / took for c in ("4c01:1001", "4c01:1002"))
    record += [f"stream {stream / 1e6:.2f}", f"guests {guests / 1e6:.2f}"]
    record += [f"all {whole / 1e6:.2f} Mbit/s", probes.splitlines()[-1]]
    for flow in flows:
        flow.rate()
    assert stream > 8e6 * 0.99
    assert guests > 2e6 * 0.97
    assert whole < 19e6 * 1.02
    assert " 0% packet loss" in probes
    assert float(probes.rsplit("/", 2)[1]) < 50


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_ceiling_holds_over_two_uplinks_and_over_one(
    venue: Venue, record: list[str], direction: str
) -> None:
    ceiling = '{ guaranteed = "2mbit", ceiling = "6mbit" }'
    guests = f"upload = {ceiling}\ndownload = {ceiling}"
    venue.shape(guests=guests)
    tree = "lbr-up" if direction == "up" else "lg"
    both = flooded(venue, direction, tree, {"a": "4c01:1002", "b": "4c01:2002"})
    venue.shape(guests=guests, down=frozenset({"a"}))
    # Over one uplink the line's tree holds the ceiling as well, and comes first on the way down.
    tree = "lbr-up" if direction == "up" else "lbr-down"
    alone = flooded(venue, direction, tree, {"b": "4c01:2002"})
    record += [f"two uplinks {both / 1e6:.3f}", f"one {alone / 1e6:.3f} Mbit/s of 6"]
    # Never more; less only where this machine has no time to send it.
    assert 5.4e6 < both < 6.18e6
    assert 5.4e6 < alone < 6.18e6


def flooded(venue: Venue, direction: str, tree: str, classes: dict[str, str]) -> float:
    """Bits per second that arrive while guests flood the uplinks of `classes`."""
    options = ("-u", "-b", "12M", "-l", "1448", *(["-R"] if direction == "down" else []))
    flows = [venue.flow("guests", u, 5209 + n, *options) for n, u in enumerate(classes)]
    place = ("far", "ua", "ub") if direction == "up" else ("guests", "lg")
    venue.queued(tree, *classes.values())
    had, started = venue.received(*place), time.monotonic()
    venue.probe(0.9)
    rate = (venue.received(*place) - had) * 8 / (time.monotonic() - started)
    for flow in flows:
        flow.rate()
    return rate


def test_hundreds_of_changes_under_a_standing_queue_lose_no_packet(
    venue: Venue, record: list[str]
) -> None:
    rates = {rate: shaping(frozenset(), {**venue.usual, "a": line(rate)}) for rate in (10, 12)}
    venue.shape(a=line(10))
    receiver = venue.start("far", sys.executable, "-c", RECEIVER)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    sender = venue.start("gw", sys.executable, "-c", SENDER)
    venue.queued("ua", "4c01:ffe")
    with entered(Path(f"/run/netns/{venue.prefix}gw")):
        changes = asyncio.run(change_classes([rates[12], rates[10]] * 20))
    backlog = venue.leaves("ua", "qlen")["4c01:ffe"]
    assert sender.poll() is None, "the packets were gone before the changes were done"
    sender.communicate(timeout=30)
    arrived = [int(number) for number in receiver.communicate(timeout=30)[0].split()]
    record += [f"{changes} changes, {len(arrived)} of {PACKETS} packets"]
    record += [f"{backlog} queued at the last change"]
    assert backlog > 0
    assert arrived == list(range(PACKETS))


async def change_classes(steps: Sequence[Shaping]) -> int:
    """Bring the classes to each of `steps` in turn; the number of class changes."""
    done = 0
    async with LinuxKernel() as kernel:
        seen = mine(await kernel.observe(SCOPE))
        for step in steps:
            wanted = replace(seen, classes=step.classes)
            for operation in diff(seen, wanted).operations:
                await kernel.execute(operation)
                done += 1
            seen = wanted
    return done
