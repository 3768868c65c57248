"""Probes under a full flood of every class.

Probes are pings of the gateway by each line, beside those that the daemon sends. Up, they wait in
the gateway's own queues alone; down, in the provider's: what is on its way to us is ordered there.
"""

import re
import threading
from collections.abc import Iterator
from statistics import quantiles

from bench.figures import Figure
from bench.flooded import FLOOD_LINES, flood_venue, send_udp_flood, start_downloads
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon

FLOOD_S = 60
FLOOD_SETTLE_S = 3.0
FLOOD_PINGS = 10 * FLOOD_S
PING_FLOOD_BPS = 75e6
"""Of each of two VLANs: five times what both lines carry."""

BALANCE_POLICY = 'mode = "balance"\nsticky = "0s"\nuplinks = ["fiber", "lte"]'
PAUSE_EVENT = threading.Event()


def measure() -> Iterator[Figure]:
    """Every class floods up; downloads beside it, with the usual headroom and with more."""
    yield from _flood("UDP up", headroom="5%", fetching=False)
    for headroom in ("5%", "15%"):
        yield from _flood(f"UDP up, TCP down, headroom {headroom}", headroom=headroom)
    yield from _unshaped()


def _flood(what: str, *, headroom: str, fetching: bool = True) -> Iterator[Figure]:
    with flood_venue(BALANCE_POLICY, headroom=headroom) as (built, daemon):
        send_udp_flood(built, bps=PING_FLOOD_BPS, seconds=FLOOD_S + 15)
        if fetching:
            start_downloads(built, seconds=FLOOD_S + 15)
        PAUSE_EVENT.wait(FLOOD_SETTLE_S)
        jobs = _pings(built)
        PAUSE_EVENT.wait(FLOOD_S / 2)
        shown = {name: each["rtt_ms"] for name, each in daemon.status()["uplinks"].items()}
        for name, job in jobs.items():
            yield _round_trip_row(f"{what}: probes by {name}", job)
        yield _false_alarm_row(what, daemon)
    words = ", ".join(f"{name} {rtt}" for name, rtt in shown.items())
    yield Figure(what=f"{what}: round trip in `status`, ms", promise="said", seen=words, runs=1)


def _unshaped() -> Iterator[Figure]:
    """The same lines without our queues: the provider's own are all there is."""
    with flood_venue(BALANCE_POLICY) as (built, daemon):
        daemon.stop()
        for interface, _ in FLOOD_LINES.values():
            built.gateway.check_output(["tc", "qdisc", "del", "dev", interface, "root"])
        send_udp_flood(built, bps=PING_FLOOD_BPS, seconds=FLOOD_S + 15)
        PAUSE_EVENT.wait(FLOOD_SETTLE_S)
        for name, job in _pings(built).items():
            yield _round_trip_row(f"UDP up, not shaped (control): probes by {name}", job)


def _pings(built: Venue) -> dict[str, LabProcess]:
    argv = ["ping", "-i", "0.1", "-c", str(FLOOD_PINGS), "-W", "1"]
    places = {name: ["-I", interface, "8.8.8.8"] for name, (interface, _) in FLOOD_LINES.items()}
    places["no line (loopback)"] = ["127.0.0.1"]
    return {name: built.gateway.start([*argv, *words]) for name, words in places.items()}


def _round_trip_row(what: str, job: LabProcess) -> Figure:
    text, _ = job.process.communicate(timeout=FLOOD_S + 30)
    times = [float(found) for found in re.findall(r"time=([\d.]+)", text)]
    cuts = quantiles(times, n=100) if len(times) > 1 else [float("inf")] * 99
    return Figure(
        what=f"{what}, p50 and p99 of the round trip",
        promise="" if "control" in what else "p99 under 50 ms",
        seen=f"{cuts[49]:.1f} and {cuts[98]:.1f} ms, {len(times)} of {FLOOD_PINGS} came back",
        runs=1,
        samples=tuple(times),
    )


def _false_alarm_row(what: str, daemon: GatewayDaemon) -> Figure:
    dead = [each for each in daemon.events("uplink") if "is down" in each["text"]]
    moves = daemon.events("move")
    return Figure(
        what=f"{what}: uplinks taken for dead, and moves of flows",
        promise="0 and 0",
        seen=f"{len(dead)} and {len(moves)}",
        runs=1,
    )
