"""Guarantees when a line dies: everybody floods, a cable is pulled, and the daemon shares out anew.

What is counted arrives at the provider, frame by frame with the kernel's time: the stream and the
guests send to ports of their own.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bench.arrivals import Arrivals, Frame, between, most
from bench.figures import Figure, spread
from bench.flooded import LINES, PORTS, blast, venue, wait
from lbrouter.rehearsal.lab.process_netns import inside
from lbrouter.rehearsal.lab.venue import Venue

RUNS = 3
GUARANTEE_BPS = 8e6
KEPT = 0.99
"""Of its guarantee: then the stream has it."""

HEADROOM = 0.95
SHORT_S, STEP_S = 0.5, 0.05
WINDOW_S = 1.0
FOLLOWED_S = 6.0
BLAST_BPS = 30e6
PAUSE = threading.Event()

POLICIES = {
    "failover": 'mode = "failover"\nuplinks = ["{dies}", "{stays}"]',
    "balance": 'mode = "balance"\nsticky = "0s"\nuplinks = ["fiber", "lte"]',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One death, in seconds from the event and Mbit/s; `control` is without rescaling."""

    had_after_s: float
    least: float
    most: float
    control: float = 0.0


def measure() -> Iterator[Figure]:
    """Either line dies, with all on one line and with all over both; a control for the weaker."""
    for policy in POLICIES:
        for dies, stays in (("fiber", "lte"), ("lte", "fiber")):
            yield from _figures(policy, dies, stays)


def _figures(policy: str, dies: str, stays: str) -> Iterator[Figure]:
    found = [_dies(policy, dies, stays) for _ in range(RUNS)]
    free = LINES[stays][1] * HEADROOM
    what = f"{policy}, {dies}'s cable is pulled"
    rows = {
        f"{what}: the stream has its 8 Mbit/s on {stays}, from the event to the end of the first"
        f" {SHORT_S} s in which it has": ("2 s", [x.had_after_s for x in found], "s"),
        f"{what}: the stream's worst second from 2 s on": (
            "7.9 or more", [x.least for x in found], "Mbit/s"),
        f"{what}: busiest second of all from the event on, less one burst of each class": (
            f"{free:.1f} or less", [x.most for x in found], "Mbit/s"),
    }  # fmt: skip
    if stays == "lte":
        rows[f"{what}: the same, guarantees of 8 and 6 left as they were (control)"] = (
            f"more than {free:.1f}", [x.control for x in found], "Mbit/s",
        )  # fmt: skip
    for name, (promise, samples, unit) in rows.items():
        seen = spread(samples, unit=unit)
        yield Figure(what=name, promise=promise, seen=seen, runs=RUNS, samples=tuple(samples))


def _dies(policy: str, dies: str, stays: str) -> Seen:
    text = POLICIES[policy].format(dies=dies, stays=stays)
    with venue(text) as (built, daemon):
        blast(built, bps=BLAST_BPS, seconds=60)
        argv = inside(built.isp(stays).namespace, [])
        with Arrivals(argv, "line") as arrivals:
            PAUSE.wait(WINDOW_S)
            built.isp(dies).carrier(up=False)
            wait(lambda: bool(daemon.events("move")))
            PAUSE.wait(FOLLOWED_S)
        moved = datetime.fromisoformat(daemon.events("move")[0]["at"]).timestamp()
        daemon.stop()
        slack, control = _bursts(built, stays), 0.0
        if stays == "lte":
            control = _without_rescaling(built)
    frames = [frame for frame in arrivals.frames if frame.at >= moved]
    return Seen(
        had_after_s=_had_after(frames, moved),
        least=_least(frames, moved),
        most=(most(frames, WINDOW_S) - slack) * 8e-6 / WINDOW_S,
        control=control - slack * 8e-6 / WINDOW_S,
    )


def _stream(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.port == PORTS["stream"]]


def _had_after(frames: list[Frame], moved: float) -> float:
    """Seconds from the event to the end of the first window in which the stream has it all."""
    mine, needed = _stream(frames), KEPT * GUARANTEE_BPS / 8 * SHORT_S
    for step in range(int((FOLLOWED_S - SHORT_S) / STEP_S)):
        begin = moved + step * STEP_S
        if between(mine, begin, begin + SHORT_S) >= needed:
            return begin + SHORT_S - moved
    return float("inf")


def _least(frames: list[Frame], moved: float) -> float:
    """Megabits in the stream's worst second from two seconds after the event on."""
    mine = _stream(frames)
    begins = (moved + 2 + step * STEP_S for step in range(int((FOLLOWED_S - 3) / STEP_S)))
    return min(between(mine, each, each + WINDOW_S) * 8e-6 / WINDOW_S for each in begins)


def _bursts(built: Venue, line: str) -> int:
    """Bytes that the line's classes may send at once, and one frame that is being sent."""
    interface = LINES[line][0]
    shown = built.gateway.check(["tc", "class", "show", "dev", interface]).split()
    return 1514 + sum(int(size.rstrip("b")) for word, size in pairwise(shown) if word == "burst")


def _without_rescaling(built: Venue) -> float:
    """Megabits of all in the busiest second when the guests' guarantee stays what it was."""
    change = "tc class change dev wan2 parent 4c01:2000 classid"
    size = "burst 4000b cburst 4000b quantum 1514"
    for minor, prio, rate in (("2001", 1, "8mbit"), ("2002", 4, "6mbit")):
        words = f"{change} 4c01:{minor} htb prio {prio} rate {rate} ceil 9500kbit {size}"
        built.gateway.check(words.split())
    with Arrivals(inside(built.isp("lte").namespace, []), "line") as arrivals:
        PAUSE.wait(3 * WINDOW_S)
    return most(arrivals.frames, WINDOW_S) * 8e-6 / WINDOW_S
