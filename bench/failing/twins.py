"""Two lines that cannot be told apart by address: the same subnet, gateway and own address."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench.attempts import attempts
from bench.failing.lines import wait
from bench.figures import Figure, counted, timed
from bench.options import Options
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon

CONNECTIONS = 200

TWINS = """
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
class Look:
    """`CONNECTIONS` new ones: how many failed, how many each line carried."""

    failed: int
    carried: Counter[str]


def look(venue: Venue) -> Look:
    """Open them and ask the far end by which line they came."""
    rows = venue.client("crew").flows(count=CONNECTIONS, timeout_ms=5000)
    carried = Counter(venue.uplink_of(row["seen"]) or "?" for row in rows if not row["error"])
    return Look(failed=sum(1 for row in rows if row["error"]), carried=carried)


def one() -> dict[str, Look]:
    """Both lines, then each alone: one loses its carrier, the other is in a black hole."""
    config = parse(TWINS.encode(), source="bench").config
    found = {}
    with Venue.build(config) as venue, Daemon(venue.gateway) as daemon:
        left, right = venue.isp("left"), venue.isp("right")
        _up(daemon)
        found["both"] = look(venue)
        left.carrier(up=False)
        wait(lambda: daemon.state("left") == "down", "left is not found down")
        found["left pulled"] = look(venue)
        left.carrier(up=True)
        _up(daemon)
        right.blackhole(on=True)
        wait(lambda: daemon.state("right") == "down", "right is not found down")
        found["right swallowed"] = look(venue)
        right.blackhole(on=False)
        _up(daemon)
        found["both again"] = look(venue)
    return found


def _up(daemon: Daemon) -> None:
    wait(
        lambda: all(each["state"] == "up" for each in daemon.status()["uplinks"].values()),
        "the twins are not both up",
    )


LIVING = {"left pulled": "right", "right swallowed": "left"}


def measure(options: Options) -> Iterator[Figure]:
    """`options.runs` times."""
    found = attempts(options, "failing: twins", one)
    looks = [each for run in found for each in run.values()]
    yield counted(
        "identical twins: connections that failed (both, either dead, both again)",
        "0",
        sum(each.failed for each in looks),
        of=f"of {CONNECTIONS * len(looks)}",
        runs=len(found),
    )
    for moment in ("both", "both again"):
        parts = [100 * run[moment].carried["left"] / CONNECTIONS for run in found]
        yield timed(f"identical twins, {moment}: share of the left one", "50 %", parts, unit="%",
                    digits=1)  # fmt: skip
    wrong = sum(
        run[moment].carried.total() - run[moment].carried[living]
        for run in found
        for moment, living in LIVING.items()
    )
    yield counted(
        "identical twins, either dead: connections by the dead one", "0", wrong,
        of=f"of {len(LIVING) * CONNECTIONS * len(found)}", runs=len(found),
    )  # fmt: skip
