"""How long a living stream stops when its line dies, seen by the client: two faults, many runs.

The stream is a UDP flow of a datagram every 10 ms that the far end echoes; its gap is the longest
time between two echoes. The line's round trip is what veth gives, unless the kernel has netem.
"""

from collections.abc import Callable, Iterator

from bench.figures import Figure, spread
from lbrouter.compile.parse import parse
from lbrouter.rehearsal.venue import Venue
from tests.topology.conftest import eventually
from tests.topology.daemons import Daemon
from tests.topology.test_daemon_failover import TWO

RUNS = 20
DEFAULTS = (
    TWO.replace('interval = "100ms"\n', "")
    .replace('down_after = "600ms"\n', "")
    .replace('up_after = "1s"', 'up_after = "2s"')
)
"""The probing of a file that says nothing of it, but for a quicker return: 200 ms and 800 ms."""


def measure() -> Iterator[Figure]:
    """Cable pulled; black hole behind the modem."""
    config = parse(DEFAULTS.encode(), source="bench").config
    with Venue.build(config) as venue, Daemon(venue.gateway) as daemon:
        isp = venue.isp("fiber")
        cable = (lambda: isp.carrier(up=False), lambda: isp.carrier(up=True))
        hole = (lambda: isp.blackhole(on=True), lambda: isp.blackhole(on=False))
        pulled = [_gap(venue, daemon, *cable) for _ in range(RUNS)]
        swallowed = [_gap(venue, daemon, *hole) for _ in range(RUNS)]
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


def _gap(
    venue: Venue, daemon: Daemon, fault: Callable[[], None], mend: Callable[[], None]
) -> float:
    """Milliseconds between the last echo by the dead line and the first by the other."""
    _wait(lambda: daemon.state("fiber") == "up")
    ping = venue.client("stream").ping(interval_ms=10)
    fault()
    _wait(lambda: daemon.state("fiber") == "down")
    [row] = ping.stop()
    mend()
    if not row["received"]:
        raise RuntimeError(f"the stream never came back: {row}")
    return float(row["max_gap_ms"])


def _wait(holds: Callable[[], bool]) -> None:
    if not eventually(holds, within_s=30):
        raise RuntimeError("the daemon does not see what was done to the line")
