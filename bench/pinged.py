"""What answers on a dead line and is no proof of life: a modem, and the provider's ICMP errors.

The way beyond the modem is cut. Meanwhile a guest sends ten echo requests a second to the modem, or
the modem answers each datagram of another guest with an ICMP error. The three are measured in turn,
so that the load of the machine is the same for all.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.attempts import RETRIABLE_ERRORS
from bench.failing.lines import FAULT_CONFIG, running_gateway, wait_until
from bench.failing.moves import is_down, start_program, stop_and_read
from bench.figures import Figure, p95, timing_row
from bench.options import BenchOptions
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue

MODEM_ADDRESS = "203.0.113.1"
MAX_RATIO = 1.1
"""Of the p95, against the control's."""

WARM_UP_S = 1.0
"""What runs beside it has run for so long before the fault."""

CUT_RULESET = """
table inet cut {{
	chain beyond {{ type filter hook forward priority -300; {rule} drop; }}
}}
"""
ICMP_ERRORS_RULE = "meta l4proto { tcp, udp } reject with icmpx host-unreachable;"

DATAGRAMS_SCRIPT = """
import socket, sys, time
senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
for each in senders:
    each.connect((sys.argv[1], 7777))
while True:
    for each in senders:
        try:
            each.send(b"x")
        except OSError:
            pass
    time.sleep(0.05)
"""
"""Twenty flows of twenty datagrams a second. An ICMP error is read as an error of `send`."""


OPEN_CONFIG = FAULT_CONFIG.replace('policy = "easy"\n', 'policy = "easy"\nmodems = true\n', 1)
"""The guests may reach the modem's page, as a VLAN can be allowed to."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What comes back by the dead line; `found` has the milliseconds of each run."""

    name: str
    rule: str = ""
    argv: tuple[str, ...] = ()
    new_flow: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)


def kinds() -> list[Evidence]:
    """The control first: the others are compared with it."""
    return [
        Evidence(name="nothing"),
        Evidence(name="echo replies of the modem", argv=("ping", "-q", "-i", "0.1", MODEM_ADDRESS)),
        Evidence(
            name="ICMP errors of the provider",
            rule=ICMP_ERRORS_RULE,
            argv=(sys.executable, "-I", "-S", "-c", DATAGRAMS_SCRIPT, "8.8.8.8"),
        ),
    ]


def run_once(each: Evidence) -> tuple[float, float]:
    """Cut the line; milliseconds to the first new flow elsewhere, and until the line is down."""
    with running_gateway(OPEN_CONFIG) as (venue, daemon, events):
        wait_until(
            lambda: {daemon.state("fiber"), daemon.state("lte")} == {"up"}, "the lines are not up"
        )
        isp, guest = venue.isp("fiber"), venue.client("guests")
        isp.check_output(["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"])
        beside = guest.start(list(each.argv)) if each.argv else None
        _wait_s(WARM_UP_S)
        flows = _start_new_flows(venue)
        began = time.monotonic()
        isp.check_output(["nft", "-f", "-"], stdin=CUT_RULESET.format(rule=each.rule))
        wait_until(
            lambda: events.first(began, is_down("fiber")) is not None, "the line is not down"
        )
        rows = stop_and_read(flows)
        if beside is not None:
            beside.close()
        down = events.first(began, is_down("fiber"))
        times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == "lte"]
        if down is None or not times:
            raise RuntimeError("no new flow went by the other line")
        return 1000 * min(times), 1000 * down


def _start_new_flows(venue: Venue) -> LabProcess:
    client = venue.client("stream")
    request = {
        "to": str(client.server_addresses[0]),
        "port": ECHO_SERVER_PORT,
        "source": str(client.layout.ip_addresses(4)[0]),
        "interval_ms": 5,
    }
    return start_program(client, "knock", request)


def _wait_s(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "the clock stands")


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` times each, in turn."""
    found = kinds()
    for number in range(1, options.runs + 1):
        for each in found:
            try:
                new_flow, down = run_once(each)
            except RETRIABLE_ERRORS as error:
                options.log_progress(f"pinged: {each.name}: {number} failed: {error}")
                continue
            each.new_flow.append(new_flow)
            each.down.append(down)
            options.log_progress(
                f"pinged: {each.name}: {number}: {new_flow:.0f} ms, down {down:.0f} ms"
            )
    control = found[0]
    for each in found:
        title = f"line cut behind the modem, {each.name} meanwhile:"
        for what, samples, usual in (
            ("a new flow goes elsewhere after", each.new_flow, control.new_flow),
            ("established flows move after", each.down, control.down),
        ):
            yield timing_row(f"{title} {what}", _promise(each, usual), samples, unit="ms", digits=0)


def _promise(each: Evidence, control: Sequence[float]) -> str:
    if not each.argv or not control:
        return ""
    return f"p95 {MAX_RATIO * p95(control):.0f} ms"
