"""Two lines that cannot be told apart by address: the same subnet, gateway and own address."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench.attempts import repeat_runs
from bench.failing.lines import wait_until
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon

TWIN_CONNECTIONS = 200

TWINS_CONFIG = """
[gateway]
name = "twins"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
up_after = "1s"

[uplinks.left]
interface = "wan1"
address = "192.168.1.10/24"
gateway = "192.168.1.1"

[uplinks.right]
interface = "wan2"
address = "192.168.1.10/24"
gateway = "192.168.1.1"

[vlans.crew]
port = "lan1"
address = "10.20.1.1/24"
policy = "both"

[policies.both]
mode = "balance"
uplinks = ["left", "right"]
sticky = "0s"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinsResult:
    """`TWIN_CONNECTIONS` new ones: how many failed, how many each line carried."""

    failed: int
    carried: Counter[str]


def open_connections(venue: Venue) -> TwinsResult:
    """Open them and ask the far end by which line they came."""
    rows = venue.client("crew").open_flows(count=TWIN_CONNECTIONS, timeout_ms=5000)
    carried = Counter(venue.uplink_of(row["seen"]) or "?" for row in rows if not row["error"])
    return TwinsResult(failed=sum(1 for row in rows if row["error"]), carried=carried)


def run_once() -> dict[str, TwinsResult]:
    """Both lines, then each alone: one loses its carrier, the other is in a black hole."""
    config = parse(TWINS_CONFIG.encode(), source="bench").config
    found = {}
    with Venue.build(config) as venue, GatewayDaemon(venue.gateway) as daemon:
        left, right = venue.isp("left"), venue.isp("right")
        _wait_both_up(daemon)
        found["both"] = open_connections(venue)
        left.set_carrier(up=False)
        wait_until(lambda: daemon.state("left") == "down", "left is not found down")
        found["left pulled"] = open_connections(venue)
        left.set_carrier(up=True)
        _wait_both_up(daemon)
        right.set_blackhole(on=True)
        wait_until(lambda: daemon.state("right") == "down", "right is not found down")
        found["right swallowed"] = open_connections(venue)
        right.set_blackhole(on=False)
        _wait_both_up(daemon)
        found["both again"] = open_connections(venue)
    return found


def _wait_both_up(daemon: GatewayDaemon) -> None:
    wait_until(
        lambda: all(each["state"] == "up" for each in daemon.status()["uplinks"].values()),
        "the twins are not both up",
    )


SURVIVING_UPLINK = {"left pulled": "right", "right swallowed": "left"}


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` times."""
    found = repeat_runs(options, "failing: twins", run_once)
    results = [each for run in found for each in run.values()]
    yield count_row(
        "identical twins: connections that failed (both, either dead, both again)",
        "0",
        sum(each.failed for each in results),
        of=f"of {TWIN_CONNECTIONS * len(results)}",
        runs=len(found),
    )
    for moment in ("both", "both again"):
        parts = [100 * run[moment].carried["left"] / TWIN_CONNECTIONS for run in found]
        yield timing_row(
            f"identical twins, {moment}: share of the left one", "50 %", parts, unit="%", digits=1
        )
    wrong = sum(
        run[moment].carried.total() - run[moment].carried[survivor]
        for run in found
        for moment, survivor in SURVIVING_UPLINK.items()
    )
    yield count_row(
        "identical twins, either dead: connections by the dead one", "0", wrong,
        of=f"of {len(SURVIVING_UPLINK) * TWIN_CONNECTIONS * len(found)}", runs=len(found),
    )  # fmt: skip
