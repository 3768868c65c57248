"""Loss of 10 % each way: the show, which tolerates 2 %, leaves the line; the guests stay."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.attempts import attempts
from bench.events import Event
from bench.failing.lines import ONE_WAY_MS, gateway_at_work, wait
from bench.failing.moves import inside, told
from bench.failing.witness import Harm, Witness
from bench.figures import Figure, counted, timed
from bench.options import Options
from lbrouter.rehearsal.lab.layout import TALK_PORT
from lbrouter.rehearsal.lab.process import Job
from lbrouter.rehearsal.lab.venue import Venue

PERCENT = 10
AFTERWARDS_S = 3.0
"""How long the guests are watched after the show has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run. `left_ms` is from the first lost packet to the last new flow of the show by the bad
    line; `strayed` counts new flows of the guests that went another way, of `guests` in all.
    """

    left_ms: float
    strayed: int
    guests: int
    harm: Harm


def one() -> Sample:
    """One run."""
    with gateway_at_work() as (venue, _, events):
        witness = Witness(venue, "crew")
        show, guests = _knocks(venue, "stream"), _knocks(venue, "guests")
        began = time.monotonic()
        venue.isp("fiber").impair(loss_percent=PERCENT, delay_ms=ONE_WAY_MS)
        wait(lambda: events.first(began, _leaves) is not None, "the show does not leave the line")
        _watch(time.monotonic() + AFTERWARDS_S)
        harm = witness.stop()
        shown, guested = told(show), told(guests)
        by_guests = [venue.uplink_of(seen) for at, seen in guested if at >= began and seen]
        return Sample(
            left_ms=1000 * _last_by(venue, shown, "fiber", began),
            strayed=sum(1 for uplink in by_guests if uplink != "fiber"),
            guests=len(by_guests),
            harm=harm,
        )


def _knocks(venue: Venue, vlan: str) -> Job:
    client = venue.client(vlan)
    request = {"to": str(client.servers[0]), "port": TALK_PORT, "interval_ms": 20}
    return inside(client, "knock", {**request, "source": str(client.seat.of(4)[0])})


def _leaves(event: Event) -> bool:
    """Whether an event moves the show to the other line."""
    text = str(event.get("text"))
    return event.get("kind") == "move" and "show" in text and "go by lte" in text


def _watch(until: float) -> None:
    wait(lambda: time.monotonic() >= until, "the clock stands", within_s=AFTERWARDS_S + 5)


def _last_by(venue: Venue, rows: Sequence[Sequence[Any]], uplink: str, began: float) -> float:
    """Seconds from `began` to the last flow that went by `uplink`."""
    times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == uplink]
    return max(times, default=0.0)


def measure(options: Options) -> Iterator[Figure]:
    """`options.runs` times."""
    name = f"{PERCENT} % loss each way"
    found = attempts(options, f"failing: {name}", one)
    left = [each.left_ms / 1000 for each in found]
    yield timed(f"{name}: last new flow of the show by that line", "3 s", left, unit="s", digits=2)
    yield counted(
        f"{name}: new flows of the guests that went elsewhere",
        "0",
        sum(each.strayed for each in found),
        of=f"of {sum(each.guests for each in found)}",
        runs=len(found),
    )
    yield counted(
        f"{name}: flows of the healthy line that were touched",
        "0",
        sum(each.harm.any for each in found),
        of=f"({sum(each.harm.lost for each in found)} datagrams lost)",
        runs=len(found),
    )
