"""What a new flow costs: of a client that holds 16 connections, and of one that holds 1,000.

Beside the smallest NAT ruleset, in turns. Frames come from within the kernel
(`bench/inside/frame_injector.py`), so what is measured is the processor time of the gateway's path
alone, from the frame's arrival to its leaving. The lower quartile of short turns: what else runs on
the machine only adds to one.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Final

from bench.applying import sized_venue
from bench.figures import Figure
from bench.forwarding import configure_minimal_gateway
from bench.inside.frame_injector import Batch
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.packets import mac_of

NEW_FLOW_TURNS: Final = 16
CLIENTS: Final = 64
MEASURED_FLOWS: Final = 1024
FEW, MANY = 16, 1000
"""Connections that each client holds already."""
OURS, HAND = "ours", "by hand"

Case = tuple[str, int]
"""A gateway, and how many connections each client holds."""

Costs = dict[Case, list[float]]
"""Microseconds of a new flow, turn by turn."""

TARGETS: Final = "192.0.2.0"
"""The first of 64 addresses beyond the lines."""
INJECTOR: Final = Path(__file__).parent / "inside" / "frame_injector.py"


def measure() -> Iterator[Figure]:
    """Few connections against many, and ours against the smallest."""
    with ExitStack() as stack:
        ours = stack.enter_context(sized_venue(uplinks=2, vlans=2))
        ours.gateway.check_output(ours.gateway.lbrouter_argv("apply"))
        hand = stack.enter_context(sized_venue(uplinks=1, vlans=1))
        configure_minimal_gateway(hand)
        gateways = {
            OURS: FlowSource(venue=ours, interface="lan2", source="10.20.2.10"),
            HAND: FlowSource(venue=hand, interface="lan1", source="10.20.1.10"),
        }
        costs: Costs = {}
        for _ in range(NEW_FLOW_TURNS):
            for held in (FEW, MANY):
                for name, gateway in gateways.items():
                    costs.setdefault((name, held), []).append(gateway.cost_us(held))
    yield _ratio_row(
        "a new flow, 1,000 held against 16", "1.2 or less", costs, (OURS, MANY), (OURS, FEW)
    )
    yield _ratio_row("(control) the smallest NAT alike", "", costs, (HAND, MANY), (HAND, FEW))
    for held in (FEW, MANY):
        what = f"a new flow against the smallest NAT, {held:,} held"
        yield _ratio_row(what, "1.25 or less", costs, (OURS, held), (HAND, held))


def _ratio_row(what: str, promise: str, costs: Costs, one: Case, two: Case) -> Figure:
    """The ratio of the lower quartiles, and both of them."""
    own, other = (quantiles(costs[case], n=4)[0] for case in (one, two))
    return Figure(
        what=what,
        promise=promise,
        seen=f"{own / other:.2f} ({own:.2f} and {other:.2f} us)",
        runs=len(costs[one]),
        samples=tuple(costs[one]),
    )


@dataclass(slots=True, kw_only=True)
class FlowSource:
    """Clients of one gateway, and the program in it that makes their frames."""

    venue: Venue
    interface: str
    source: str
    _mac: str = field(init=False)
    _injector: LabProcess = field(init=False)

    def __post_init__(self) -> None:
        """Start the program, and let the gateway find its next hops."""
        gateway = self.venue.gateway
        self._mac = mac_of(gateway, self.interface)
        self._injector = gateway.start([sys.executable, "-S", str(INJECTOR), self.interface])
        self._injector.read_json()
        for line in self.venue.layout.lines:
            gateway.check_output(["ping", "-c", "1", "-W", "5", str(line.families[0].gateway)])
        for isp in self.venue.isps.values():
            isp.set_blackhole(on=True)

    def cost_us(self, held: int) -> float:
        """Microseconds of a new flow where each client holds `held` connections already."""
        self.venue.gateway.check_output(["conntrack", "-F"])
        self._open(0, held * CLIENTS)
        before = self._held()
        spent_ns = self._open(held * CLIENTS, MEASURED_FLOWS)
        if (opened := self._held() - before) < MEASURED_FLOWS:
            raise RuntimeError(
                f"{MEASURED_FLOWS - opened} flows of {MEASURED_FLOWS} were not opened"
            )
        return spent_ns / 1000 / MEASURED_FLOWS

    def _open(self, first: int, count: int) -> int:
        batch = Batch(
            gateway_mac=self._mac,
            source=self.source,
            target=TARGETS,
            clients=CLIENTS,
            first=first,
            count=count,
        )
        return int(self._injector.ask(json.dumps(asdict(batch))))

    def _held(self) -> int:
        text = self.venue.gateway.check_output(
            ["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]
        )
        return int(text)
