"""Idle downloads: a line dies under clients that only wait, and they are told.

Everything is seen by the clients. The moment of the fault is taken just before it is done.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bench.attempts import repeat_runs
from bench.failing.lines import FAULT_CONFIG, ONE_WAY_MS, has_round_trips, wait_until
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually
from tests.kit.waiting_clients import WaitingClient

IDLE_PROMISE_S = 2.0
IDLE_TIMEOUT_S = 8.0
WAITING_CONNECTIONS = 10
"""Of each family, of each of two VLANs: one on the line that dies, one on the other."""

VERSIONS = (4, 6)

SIX = {
    'gateway = "203.0.113.1"': 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"',
    'gateway = "198.51.100.1"': 'address6 = "2001:db8:2::2/64"\ngateway6 = "2001:db8:2::1"',
    'address = "10.10.10.1/24"': 'address6 = "fd10:10::1/64"',
    'address = "10.10.50.1/24"': 'address6 = "fd10:50::1/64"',
}
"""IPv6 beside IPv4: after this line of the configuration comes that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleSample:
    """One run: seconds until each connection was told, by family; None = never."""

    told_s: dict[int, list[float | None]]
    others_touched: int

    @property
    def in_time(self) -> bool:
        """Whether all were told within the promise."""
        every = [each for values in self.told_s.values() for each in values]
        return all(each is not None and each <= IDLE_PROMISE_S for each in every)


def run_once(*, pull: bool) -> IdleSample:
    """One run: connections that wait, a fault of the line, until all are told or time is over."""
    text = FAULT_CONFIG
    for line, more in SIX.items():
        text = text.replace(line, f"{line}\n{more}")
    with Venue.build(parse(text.encode(), source="bench").config) as venue:
        for isp in venue.isps.values():
            isp.impair(delay_ms=ONE_WAY_MS)
        with GatewayDaemon(venue.gateway) as daemon:
            wait_until(lambda: has_round_trips(daemon), "the daemon knows no round trip")
            return _lose_line(venue, pull=pull)


def _lose_line(venue: Venue, *, pull: bool) -> IdleSample:
    waiting = {
        (vlan, version): WaitingClient(
            venue.client(vlan), version=version, count=WAITING_CONNECTIONS
        )
        for vlan, version in product(("stream", "crew"), VERSIONS)
    }
    for (vlan, version), each in waiting.items():
        lines = {venue.uplink_of(seen) for seen in each.seen}
        if lines != {"fiber" if vlan == "stream" else "lte"}:
            raise RuntimeError(f"IPv{version} of {vlan} goes by {lines}")
    began = time.monotonic()
    if pull:
        venue.isp("fiber").set_carrier(up=False)
    else:
        venue.isp("fiber").set_blackhole(on=True)
    lost = [waiting["stream", version] for version in VERSIONS]
    eventually(
        lambda: all(each.ended_count() == WAITING_CONNECTIONS for each in lost),
        within_s=IDLE_TIMEOUT_S,
    )
    rows = {key: each.stop() for key, each in waiting.items()}
    return IdleSample(
        told_s={version: _seconds(rows["stream", version], began) for version in VERSIONS},
        others_touched=sum(
            row["ended"] is not None for version in VERSIONS for row in rows["crew", version]
        ),
    )


def _seconds(rows: list[JsonRow], began: float) -> list[float | None]:
    return [None if row["ended"] is None else row["ended"] - began for row in rows]


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Black hole and pulled cable, `options.runs` of each."""
    for pull, name in ((False, "black hole"), (True, "cable pulled")):
        seen = repeat_runs(options, f"idle: {name}", lambda pull=pull: run_once(pull=pull))  # type: ignore[misc]
        late = sum(not each.in_time for each in seen)
        what = f"{name}: runs in which a client that only waits was told later than 2 s"
        yield count_row(what, "0", late, of=f"of {len(seen)}", runs=len(seen))
        for version in VERSIONS:
            told = [s for each in seen for s in each.told_s[version] if s is not None]
            what = f"{name}: a client that only waits, IPv{version}, is told after"
            yield timing_row(what, "2 s", told, unit="s", digits=2)
        touched = sum(each.others_touched for each in seen)
        what = f"{name}: connections of the other line that were touched"
        of = f"of {2 * WAITING_CONNECTIONS * len(seen)}"
        yield count_row(what, "0", touched, of=of, runs=len(seen))
