"""Guarantees when a line fails: all VLANs flood, a cable is pulled, the daemon divides rates again.

What is counted arrives at the provider, frame by frame with the kernel's time: the stream and the
guests send to ports of their own.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bench.arrivals import Frame, FrameCapture, busiest_window_bytes, bytes_between
from bench.figures import Figure, spread_text
from bench.flooded import FLOOD_LINES, FLOOD_PORTS, flood_venue, send_udp_flood, wait_until
from lbrouter.rehearsal.lab.process_netns import exec_argv
from lbrouter.rehearsal.lab.venue import Venue

RESCALING_RUNS = 3
GUARANTEE_BPS = 8e6
GUARANTEE_KEPT_SHARE = 0.99
"""Share of its guarantee from which on the stream has it."""

RESCALING_HEADROOM = 0.95
RECOVERY_WINDOW_S, RECOVERY_STEP_S = 0.5, 0.05
RATE_WINDOW_S = 1.0
OBSERVE_AFTER_MOVE_S = 6.0
RESCALING_FLOOD_BPS = 30e6
RESCALING_PAUSE = threading.Event()

POLICIES = {
    "failover": 'mode = "failover"\nuplinks = ["{dies}", "{stays}"]',
    "balance": 'mode = "balance"\nsticky = "0s"\nuplinks = ["fiber", "lte"]',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RescalingResult:
    """One outage, in seconds from the event and Mbit/s; `control` is without rescaling."""

    recovered_after_s: float
    least: float
    most: float
    control: float = 0.0


def measure() -> Iterator[Figure]:
    """Either line fails, with all on one line and with all over both; a control for the weaker."""
    for policy in POLICIES:
        for dies, stays in (("fiber", "lte"), ("lte", "fiber")):
            yield from _figures(policy, dies, stays)


def _figures(policy: str, dies: str, stays: str) -> Iterator[Figure]:
    found = [_run_outage(policy, dies, stays) for _ in range(RESCALING_RUNS)]
    free = FLOOD_LINES[stays][1] * RESCALING_HEADROOM
    what = f"{policy}, {dies}'s cable is pulled"
    rows = {
        f"{what}: the stream has its 8 Mbit/s on {stays}, from the event to the end of the first"
        f" {RECOVERY_WINDOW_S} s in which it has": (
            "2 s",
            [x.recovered_after_s for x in found],
            "s",
        ),
        f"{what}: the stream's worst second from 2 s on": (
            "7.9 or more",
            [x.least for x in found],
            "Mbit/s",
        ),
        f"{what}: busiest second of all from the event on, less one burst of each class": (
            f"{free:.1f} or less",
            [x.most for x in found],
            "Mbit/s",
        ),
    }
    if stays == "lte":
        rows[f"{what}: the same, guarantees of 8 and 6 left as they were (control)"] = (
            f"more than {free:.1f}", [x.control for x in found], "Mbit/s",
        )  # fmt: skip
    for name, (promise, samples, unit) in rows.items():
        seen = spread_text(samples, unit=unit)
        yield Figure(
            what=name, promise=promise, seen=seen, runs=RESCALING_RUNS, samples=tuple(samples)
        )


def _run_outage(policy: str, dies: str, stays: str) -> RescalingResult:
    text = POLICIES[policy].format(dies=dies, stays=stays)
    with flood_venue(text) as (built, daemon):
        send_udp_flood(built, bps=RESCALING_FLOOD_BPS, seconds=60)
        argv = exec_argv(built.isp(stays).namespace, [])
        with FrameCapture(argv, "line") as arrivals:
            RESCALING_PAUSE.wait(RATE_WINDOW_S)
            built.isp(dies).set_carrier(up=False)
            wait_until(lambda: bool(daemon.events("move")))
            RESCALING_PAUSE.wait(OBSERVE_AFTER_MOVE_S)
        moved = datetime.fromisoformat(daemon.events("move")[0]["at"]).timestamp()
        daemon.stop()
        slack, control = _burst_bytes(built, stays), 0.0
        if stays == "lte":
            control = _without_rescaling(built)
    frames = [frame for frame in arrivals.frames if frame.at >= moved]
    return RescalingResult(
        recovered_after_s=_recovered_after_s(frames, moved),
        least=_worst_second_mbit(frames, moved),
        most=(busiest_window_bytes(frames, RATE_WINDOW_S) - slack) * 8e-6 / RATE_WINDOW_S,
        control=control - slack * 8e-6 / RATE_WINDOW_S,
    )


def _stream_frames(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.port == FLOOD_PORTS["stream"]]


def _recovered_after_s(frames: list[Frame], moved: float) -> float:
    """Seconds from the event to the end of the first window in which the stream has it all."""
    mine, needed = (
        _stream_frames(frames),
        GUARANTEE_KEPT_SHARE * GUARANTEE_BPS / 8 * RECOVERY_WINDOW_S,
    )
    for step in range(int((OBSERVE_AFTER_MOVE_S - RECOVERY_WINDOW_S) / RECOVERY_STEP_S)):
        begin = moved + step * RECOVERY_STEP_S
        if bytes_between(mine, begin, begin + RECOVERY_WINDOW_S) >= needed:
            return begin + RECOVERY_WINDOW_S - moved
    return float("inf")


def _worst_second_mbit(frames: list[Frame], moved: float) -> float:
    """Megabits in the stream's worst second from two seconds after the event on."""
    mine = _stream_frames(frames)
    begins = (
        moved + 2 + step * RECOVERY_STEP_S
        for step in range(int((OBSERVE_AFTER_MOVE_S - 3) / RECOVERY_STEP_S))
    )
    return min(
        bytes_between(mine, each, each + RATE_WINDOW_S) * 8e-6 / RATE_WINDOW_S for each in begins
    )


def _burst_bytes(built: Venue, line: str) -> int:
    """Bytes that the line's classes may send at once, and one frame that is being sent."""
    interface = FLOOD_LINES[line][0]
    shown = built.gateway.check_output(["tc", "class", "show", "dev", interface]).split()
    return 1514 + sum(int(size.rstrip("b")) for word, size in pairwise(shown) if word == "burst")


def _without_rescaling(built: Venue) -> float:
    """Megabits of all in the busiest second when the guests' guarantee stays what it was."""
    change = "tc class change dev wan2 parent 4c01:2000 classid"
    size = "burst 4000b cburst 4000b quantum 1514"
    for minor, prio, rate in (("2001", 1, "8mbit"), ("2002", 4, "6mbit")):
        words = f"{change} 4c01:{minor} htb prio {prio} rate {rate} ceil 9500kbit {size}"
        built.gateway.check_output(words.split())
    with FrameCapture(exec_argv(built.isp("lte").namespace, []), "line") as arrivals:
        RESCALING_PAUSE.wait(3 * RATE_WINDOW_S)
    return busiest_window_bytes(arrivals.frames, RATE_WINDOW_S) * 8e-6 / RATE_WINDOW_S
