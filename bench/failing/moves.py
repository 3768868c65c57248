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

from bench.attempts import repeat_runs
from bench.events import DaemonEvent
from bench.failing.lines import ROUND_TRIP_MS, running_gateway, wait_until
from bench.failing.witness import FlowDamage, HealthyLineFlows
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.rehearsal.lab.hosts import Host
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue

STREAM_PORT = 7788
STREAM_CHUNK_BYTES = 2500
"""Bytes every 10 ms: 2 Mbit/s."""

DROP_RESETS_RULESET = """
table inet silent {
	chain out { type filter hook output priority 0; tcp flags & rst == rst drop; }
}
"""
"""The far end does not answer what belongs to no connection of its own: a CGNAT or a CDN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageSample:
    """One run, in milliseconds; None = not seen."""

    new_flow: float | None
    down: float | None
    tcp_gap: float
    udp_gap: float
    echo_gap: float
    harm: FlowDamage


def start_program(host: Host, program: str, request: Any) -> LabProcess:
    """Start one of `bench.inside` on a host."""
    path = Path(__file__).parents[1] / "inside" / f"{program}.py"
    words = request if isinstance(request, str) else json.dumps(request)
    return host.start([sys.executable, "-I", "-S", str(path), words])


def stop_and_read(job: LabProcess) -> Any:
    """End such a program; the one line of JSON that it says then."""
    [said] = job.stop()
    return said


class LiveStream:
    """A live stream by TCP and by UDP from the stream's VLAN, its far end, and new flows."""

    def __init__(self, venue: Venue) -> None:
        client = venue.client("stream")
        to = str(client.server_addresses[0])
        source = str(client.layout.ip_addresses(4)[0])
        self.sink = start_program(venue.internet, "sink", {"address": to, "port": STREAM_PORT})
        self.sink.read_json()
        common = {"to": to, "source": source}
        self.push = start_program(
            client,
            "push",
            {
                **common,
                "port": STREAM_PORT,
                "interval_ms": 10,
                "chunk": STREAM_CHUNK_BYTES,
                "retry_ms": 0,
            },
        )
        self.echo = client.start_ping(interval_ms=10)
        self.new_flows = start_program(
            client, "knock", {**common, "port": ECHO_SERVER_PORT, "interval_ms": 5}
        )
        wait_until(lambda: self.has_arrived(100), "the stream does not arrive")

    def has_arrived(self, count: int) -> bool:
        """Whether so many pieces have arrived by both ways since the last `clear`."""
        return all(each["count"] >= count for each in self.sink.ask("report").values())

    def is_flowing(self) -> bool:
        """Whether both flow right now."""
        now = time.monotonic()
        return all(now - each["last"] < 0.1 for each in self.sink.ask("report").values())


def is_down(uplink: str) -> Any:
    """A test for the event that an uplink is down."""

    def holds(event: DaemonEvent) -> bool:
        return (
            event.get("kind") == "uplink"
            and event.get("subject") == uplink
            and " down" in f" {event.get('text')}"
        )

    return holds


def run_once(*, pull: bool, silent: bool) -> OutageSample:
    """One run: streams, a fault of the line, until both streams flow again."""
    with running_gateway() as (venue, daemon, events):
        if silent:
            venue.internet.check_output(["nft", "-f", "-"], stdin=DROP_RESETS_RULESET)
        healthy_flows, stream = HealthyLineFlows(venue, "crew"), LiveStream(venue)
        began = _inject_fault(venue, stream, pull=pull)
        wait_until(lambda: daemon.state("fiber") == "down", "the line is not found down")
        wait_until(
            lambda: stream.has_arrived(20) and stream.is_flowing(),
            "a stream never came back",
            within_s=60,
        )
        seen = stream.sink.ask("report")
        harm = healthy_flows.stop()
        rows, [echo] = stop_and_read(stream.new_flows), stream.echo.stop()
        return OutageSample(
            new_flow=_first_on_other_line_ms(venue, rows, began),
            down=_ms(events.first(began, is_down("fiber"))),
            tcp_gap=1000 * seen["tcp"]["gap_s"],
            udp_gap=1000 * seen["udp"]["gap_s"],
            echo_gap=echo["max_gap_ms"],
            harm=harm,
        )


def _inject_fault(venue: Venue, stream: LiveStream, *, pull: bool) -> float:
    """Inject the fault; the moment just before."""
    isp = venue.isp("fiber")
    if pull:
        cable = start_program(isp, "cable", "line")
        cable.read_json()
        stream.sink.ask("clear")
        before, _ = cable.ask("pull")
        return float(before)
    stream.sink.ask("clear")
    began = time.monotonic()
    isp.set_blackhole(on=True)
    return began


def _first_on_other_line_ms(
    venue: Venue, rows: Sequence[Sequence[Any]], began: float
) -> float | None:
    """Milliseconds until the first new flow that went by the other line, by when it was begun."""
    times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == "lte"]
    return _ms(min(times, default=None))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Cable pulled; black hole with the far end answering, then silent."""
    pulled = _runs(options, "cable pulled", pull=True, silent=False)
    yield _row("cable pulled: a new flow goes elsewhere after", "50 ms", pulled, "new_flow")
    yield _row("cable pulled: TCP stream, gap at the far end", "", pulled, "tcp_gap")
    yield _row("cable pulled: UDP stream, gap at the far end", "", pulled, "udp_gap")
    yield from _damage_rows("cable pulled", pulled)
    for silent, words in ((False, "far end answers"), (True, "far end silent")):
        name = f"black hole, {ROUND_TRIP_MS} ms round trip, {words}"
        seen = _runs(options, name, pull=False, silent=silent)
        yield _row(f"{name}: a new flow goes elsewhere after", "0.5 s", seen, "new_flow")
        yield _row(f"{name}: uplink down after", "p95 1.0 s", seen, "down")
        yield _row(f"{name}: TCP stream, gap at the far end", "1.6 s", seen, "tcp_gap")
        yield _row(f"{name}: UDP stream, gap at the far end", "1.1 s", seen, "udp_gap")
        yield _row(f"{name}: echoed UDP, gap at the client", "1.1 s", seen, "echo_gap")
        yield from _damage_rows(name, seen)


def _runs(options: BenchOptions, name: str, *, pull: bool, silent: bool) -> list[OutageSample]:
    return repeat_runs(options, f"failing: {name}", lambda: run_once(pull=pull, silent=silent))


def _row(what: str, promise: str, samples: Sequence[OutageSample], field: str) -> Figure:
    values = [value for each in samples if (value := getattr(each, field)) is not None]
    return timing_row(what, promise, values, unit="ms", digits=0)


def _damage_rows(name: str, samples: Sequence[OutageSample]) -> Iterator[Figure]:
    """The rows of the healthy line."""
    harms = [each.harm for each in samples]
    total = sum(each.touched for each in harms)
    words = (
        f"({sum(h.broken for h in harms)} flows broken, {sum(h.resets for h in harms)} resets, "
        f"{sum(h.deleted for h in harms)} connections deleted, "
        f"{sum(h.lost for h in harms)} datagrams lost)"
    )
    yield count_row(
        f"{name}: flows of the healthy line that were touched",
        "0",
        total,
        of=words,
        runs=len(harms),
    )
