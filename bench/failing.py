"""How long a living stream stops when its line dies, seen by the client: two faults, many runs.

The stream is a UDP flow of a datagram every 10 ms that the far end echoes; its gap is the longest
time between two echoes. The line's round trip is what veth gives, unless the kernel has netem.
"""

from collections.abc import Callable, Iterator

from bench.figures import Figure, spread
from lbrouter.compile.parse import parse
from lbrouter.rehearsal.hosts import Isp
from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import eventually
from tests.topology.daemons import Daemon
from tests.topology.test_daemon_failover import TWO

RUNS = 20
DEFAULTS = (
    TWO.replace('interval = "100ms"\n', "")
    .replace('down_after = "600ms"\n', "")
    .replace('up_after = "1s"\n', "")
)
"""The probing of a file that says nothing of it but two targets: every 200 ms, down after 800."""


def measure() -> Iterator[Figure]:
    """Cable pulled; black hole behind the modem."""
    pulled = [_gap(lambda isp: isp.carrier(up=False)) for _ in range(RUNS)]
    swallowed = [_gap(lambda isp: isp.blackhole(on=True)) for _ in range(RUNS)]
    yield Figure(
        what="UDP stream, cable pulled: gap",
        promise="",
        seen=spread(pulled, unit="ms", digits=0),
        runs=RUNS,
    )
    yield Figure(
        what="UDP stream, black hole with carrier up: gap",
        promise="1.1 s",
        seen=spread(swallowed, unit="ms", digits=0),
        runs=RUNS,
    )


def _gap(fault: Callable[[Isp], None]) -> float:
    """Milliseconds between the last echo by the dead line and the first by the other.

    A venue of its own for each run: a line that fails again and again is let back ever later.
    """
    config = parse(DEFAULTS.encode(), source="bench").config
    with Venue.build(config) as venue, Daemon(venue.gateway) as daemon:
        _wait(lambda: daemon.status()["uplinks"]["fiber"]["rtt_ms"] is not None)
        ping = venue.client("stream").ping(interval_ms=10)
        _wait(lambda: any("ping" in row["flow"] for row in venue.internet.log()))
        fault(venue.isp("fiber"))
        _wait(lambda: daemon.state("fiber") == "down")
        [row] = ping.stop()
    if row["sources_seen"] == []:
        raise RuntimeError(f"the stream never came back: {row}")
    return float(row["max_gap_ms"])


def _wait(holds: Callable[[], bool]) -> None:
    if not eventually(holds, within_s=30):
        raise RuntimeError("the daemon does not see what was done to the line")
