"""Loss of 10 % each way: the show, which tolerates 2 %, leaves the line; the guests stay."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.attempts import repeat_runs
from bench.events import DaemonEvent
from bench.failing.lines import ONE_WAY_MS, running_gateway, wait_until
from bench.failing.moves import start_program, stop_and_read
from bench.failing.witness import FlowDamage, HealthyLineFlows
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue

FAULT_LOSS_PERCENT = 10
WATCH_AFTER_MOVE_S = 3.0
"""How long the guests are watched after the show has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSample:
    """One run. `left_ms` is from the first lost packet to the last new flow of the show by the bad
    line; `strayed` counts new flows of the guests that went another way, of `guests` in all.
    """

    left_ms: float
    strayed: int
    guests: int
    harm: FlowDamage


def run_once() -> LossSample:
    """One run."""
    with running_gateway() as (venue, _, events):
        healthy_flows = HealthyLineFlows(venue, "crew")
        show, guests = _start_new_flows(venue, "stream"), _start_new_flows(venue, "guests")
        began = time.monotonic()
        venue.isp("fiber").impair(loss_percent=FAULT_LOSS_PERCENT, delay_ms=ONE_WAY_MS)
        wait_until(
            lambda: events.first(began, _is_show_move) is not None,
            "the show does not leave the line",
        )
        _wait_until_time(time.monotonic() + WATCH_AFTER_MOVE_S)
        harm = healthy_flows.stop()
        show_rows, guest_rows = stop_and_read(show), stop_and_read(guests)
        guest_uplinks = [venue.uplink_of(seen) for at, seen in guest_rows if at >= began and seen]
        return LossSample(
            left_ms=1000 * _last_by(venue, show_rows, "fiber", began),
            strayed=sum(1 for uplink in guest_uplinks if uplink != "fiber"),
            guests=len(guest_uplinks),
            harm=harm,
        )


def _start_new_flows(venue: Venue, vlan: str) -> LabProcess:
    client = venue.client(vlan)
    request = {"to": str(client.server_addresses[0]), "port": ECHO_SERVER_PORT, "interval_ms": 20}
    return start_program(
        client, "knock", {**request, "source": str(client.layout.ip_addresses(4)[0])}
    )


def _is_show_move(event: DaemonEvent) -> bool:
    """Whether an event moves the show to the other line."""
    text = str(event.get("text"))
    return event.get("kind") == "move" and "show" in text and "go by lte" in text


def _wait_until_time(until: float) -> None:
    wait_until(
        lambda: time.monotonic() >= until, "the clock stands", within_s=WATCH_AFTER_MOVE_S + 5
    )


def _last_by(venue: Venue, rows: Sequence[Sequence[Any]], uplink: str, began: float) -> float:
    """Seconds from `began` to the last flow that went by `uplink`."""
    times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == uplink]
    return max(times, default=0.0)


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` times."""
    name = f"{FAULT_LOSS_PERCENT} % loss each way"
    found = repeat_runs(options, f"failing: {name}", run_once)
    left = [each.left_ms / 1000 for each in found]
    yield timing_row(
        f"{name}: last new flow of the show by that line", "3 s", left, unit="s", digits=2
    )
    yield count_row(
        f"{name}: new flows of the guests that went elsewhere",
        "0",
        sum(each.strayed for each in found),
        of=f"of {sum(each.guests for each in found)}",
        runs=len(found),
    )
    yield count_row(
        f"{name}: flows of the healthy line that were touched",
        "0",
        sum(each.harm.touched for each in found),
        of=f"({sum(each.harm.lost for each in found)} datagrams lost)",
        runs=len(found),
    )
