"""A line dies: its cable is pulled, or a black hole swallows all behind the modem.

Everything is seen by clients and by the far end. The moment of the fault is taken just before it is
done, so that every figure is rather too long than too short.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.attempts import attempts
from bench.events import Event
from bench.failing.lines import ROUND_TRIP_MS, gateway_at_work, wait
from bench.failing.witness import Harm, Witness
from bench.figures import Figure, counted, timed
from bench.options import Options
from lbrouter.rehearsal.lab.hosts import Host
from lbrouter.rehearsal.lab.layout import TALK_PORT
from lbrouter.rehearsal.lab.process import Job
from lbrouter.rehearsal.lab.venue import Venue

STREAM_PORT = 7788
CHUNK = 2500
"""Bytes every 10 ms: 2 Mbit/s."""

SILENCE = """
table inet silent {
	chain out { type filter hook output priority 0; tcp flags & rst == rst drop; }
}
"""
"""The far end does not answer what belongs to no connection of its own: a CGNAT or a CDN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run, in milliseconds; None = not seen."""

    new_flow: float | None
    down: float | None
    tcp_gap: float
    udp_gap: float
    echo_gap: float
    harm: Harm


def inside(host: Host, program: str, request: Any) -> Job:
    """Start one of `bench.inside` on a host."""
    path = Path(__file__).parents[1] / "inside" / f"{program}.py"
    words = request if isinstance(request, str) else json.dumps(request)
    return host.start([sys.executable, "-I", "-S", str(path), words])


def told(job: Job) -> Any:
    """End such a program; the one line of JSON that it says then."""
    [said] = job.stop()
    return said


class Stream:
    """A live stream by TCP and by UDP from the stream's VLAN, its far end, and knocking beside."""

    def __init__(self, venue: Venue) -> None:
        client = venue.client("stream")
        to = str(client.servers[0])
        source = str(client.seat.of(4)[0])
        self.sink = inside(venue.internet, "sink", {"address": to, "port": STREAM_PORT})
        self.sink.line()
        common = {"to": to, "source": source}
        self.push = inside(
            client,
            "push",
            {**common, "port": STREAM_PORT, "interval_ms": 10, "chunk": CHUNK, "retry_ms": 0},
        )
        self.echo = client.ping(interval_ms=10)
        self.knocks = inside(client, "knock", {**common, "port": TALK_PORT, "interval_ms": 5})
        wait(lambda: self.flows(100), "the stream does not arrive")

    def flows(self, count: int) -> bool:
        """Whether so many pieces have arrived by both ways since the last `clear`."""
        return all(each["count"] >= count for each in self.sink.ask("report").values())

    def again(self) -> bool:
        """Whether both flow right now."""
        now = time.monotonic()
        return all(now - each["last"] < 0.1 for each in self.sink.ask("report").values())


def is_down(uplink: str) -> Any:
    """A test for the event that an uplink is down."""

    def holds(event: Event) -> bool:
        return (
            event.get("kind") == "uplink"
            and event.get("subject") == uplink
            and " down" in f" {event.get('text')}"
        )

    return holds


def one(*, pull: bool, silent: bool) -> Sample:
    """One run: streams, a fault of the line, until both streams flow again."""
    with gateway_at_work() as (venue, daemon, events):
        if silent:
            venue.internet.check(["nft", "-f", "-"], stdin=SILENCE)
        witness, stream = Witness(venue, "crew"), Stream(venue)
        began = _fault(venue, stream, pull=pull)
        wait(lambda: daemon.state("fiber") == "down", "the line is not found down")
        wait(lambda: stream.flows(20) and stream.again(), "a stream never came back", within_s=60)
        seen = stream.sink.ask("report")
        harm = witness.stop()
        rows, [echo] = told(stream.knocks), stream.echo.stop()
        return Sample(
            new_flow=_elsewhere(venue, rows, began),
            down=_ms(events.first(began, is_down("fiber"))),
            tcp_gap=1000 * seen["tcp"]["gap_s"],
            udp_gap=1000 * seen["udp"]["gap_s"],
            echo_gap=echo["max_gap_ms"],
            harm=harm,
        )


def _fault(venue: Venue, stream: Stream, *, pull: bool) -> float:
    """Do it; the moment just before."""
    isp = venue.isp("fiber")
    if pull:
        cable = inside(isp, "cable", "line")
        cable.line()
        stream.sink.ask("clear")
        before, _ = cable.ask("pull")
        return float(before)
    stream.sink.ask("clear")
    began = time.monotonic()
    isp.blackhole(on=True)
    return began


def _elsewhere(venue: Venue, rows: Sequence[Sequence[Any]], began: float) -> float | None:
    """Milliseconds until the first new flow that went another way, by when it was begun."""
    times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == "lte"]
    return _ms(min(times, default=None))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def measure(options: Options) -> Iterator[Figure]:
    """Cable pulled; black hole with the far end answering, then silent."""
    pulled = _runs(options, "cable pulled", pull=True, silent=False)
    yield _row("cable pulled: a new flow goes elsewhere after", "50 ms", pulled, "new_flow")
    yield _row("cable pulled: TCP stream, gap at the far end", "", pulled, "tcp_gap")
    yield _row("cable pulled: UDP stream, gap at the far end", "", pulled, "udp_gap")
    yield from _harm("cable pulled", pulled)
    for silent, words in ((False, "far end answers"), (True, "far end silent")):
        name = f"black hole, {ROUND_TRIP_MS} ms round trip, {words}"
        seen = _runs(options, name, pull=False, silent=silent)
        yield _row(f"{name}: a new flow goes elsewhere after", "0.5 s", seen, "new_flow")
        yield _row(f"{name}: uplink down after", "p95 1.0 s", seen, "down")
        yield _row(f"{name}: TCP stream, gap at the far end", "1.6 s", seen, "tcp_gap")
        yield _row(f"{name}: UDP stream, gap at the far end", "1.1 s", seen, "udp_gap")
        yield _row(f"{name}: echoed UDP, gap at the client", "1.1 s", seen, "echo_gap")
        yield from _harm(name, seen)


def _runs(options: Options, name: str, *, pull: bool, silent: bool) -> list[Sample]:
    return attempts(options, f"failing: {name}", lambda: one(pull=pull, silent=silent))


def _row(what: str, promise: str, samples: Sequence[Sample], field: str) -> Figure:
    values = [value for each in samples if (value := getattr(each, field)) is not None]
    return timed(what, promise, values, unit="ms", digits=0)


def _harm(name: str, samples: Sequence[Sample]) -> Iterator[Figure]:
    """The rows of the healthy line."""
    harms = [each.harm for each in samples]
    total = sum(each.any for each in harms)
    words = (
        f"({sum(h.broken for h in harms)} flows broken, {sum(h.resets for h in harms)} resets, "
        f"{sum(h.deleted for h in harms)} connections deleted, "
        f"{sum(h.lost for h in harms)} datagrams lost)"
    )
    yield counted(
        f"{name}: flows of the healthy line that were touched",
        "0",
        total,
        of=words,
        runs=len(harms),
    )
