"""The act of bandwidth: what each VLAN gets alone, in a flood of the others, after a loss.

The VLAN under test asks for its guarantee, paced by TCP; the others take whatever they get. Alone
it asks for half again as much as its lines carry.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.model.config import Vlan
from lbrouter.rehearsal.analysis import bandwidth_analysis
from lbrouter.rehearsal.analysis.bandwidth_analysis import WIRE
from lbrouter.rehearsal.analysis.expected import Way, ways
from lbrouter.rehearsal.checks.context import Stage
from lbrouter.rehearsal.checks.fault_procedure import patient
from lbrouter.rehearsal.lab.daemon_process import Warden
from lbrouter.rehearsal.lab.hosts import Client
from lbrouter.rehearsal.lab.process import Job, Row, settles
from lbrouter.rehearsal.report.judgement import Verdict
from lbrouter.rehearsal.report.rows import BandwidthRow, Direction

CELL_S, WARM_S = 1.8, 0.5
"""How long a cell lasts, and what of it is not counted: TCP finds its rate first."""

LEAD_S = 0.6
"""How much longer the others flood, who begin first."""

BUDGET_S = 75.0
"""No cell begins later than this: a file with many uplinks and VLANs has many cells."""

NOTES = (
    "bandwidth: Ethernet frames are counted, as in the file; over 1.3 s 97 % is a guarantee kept",
)
"""What the reader of the rows must know."""

SOURCES, FLOWS = 4, 1
PATIENCE_S = 15.0
"""For an uplink to be left, or to be used again; what comes of it is in the rates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: who is looked at, in which direction, in which situation."""

    way: Way
    vlan: Vlan
    direction: Direction
    situation: str
    flood: bool


class Bench:
    """The clients that load the gateway: one way for each VLAN, always the same addresses."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ways: dict[str, Way] = {}
        for way in ways(stage.venue.site):
            own = stage.config.vlans[way.vlan].policy == way.policy
            if own and way.version == 4:
                self.ways.setdefault(way.vlan, way)
        self.sources = {
            name: [str(each) for each in stage.fresh(self._client(name), 4, SOURCES)]
            for name in self.ways
        }
        self.idle = self._idle()

    @property
    def guaranteed(self) -> list[Way]:
        """The ways of VLANs that have a guarantee in the file."""
        vlans = self.stage.config.vlans
        return [
            way for name, way in self.ways.items() if bandwidth_analysis.has_guarantee(vlans[name])
        ]

    def cells(
        self, way: Way, situation: str, ends: float, *, flood: bool
    ) -> Iterator[BandwidthRow]:
        """Both directions of one situation."""
        vlan = self.stage.config.vlans[way.vlan]
        for direction in Direction:
            guarantee = bandwidth_analysis.guarantee(vlan, direction)
            if flood and not guarantee:
                continue
            if time.monotonic() > ends:
                yield _skipped(way.vlan, direction, situation, guarantee)
                continue
            self.stage.progress(f"{way.vlan}, {direction}: {situation}")
            cell = Cell(way=way, vlan=vlan, direction=direction, situation=situation, flood=flood)
            row = self._measure(cell)
            # A busy processor looks like a broken promise; a broken promise is broken twice.
            yield self._measure(cell) if row.verdict is Verdict.FAIL else row

    def _measure(self, cell: Cell) -> BandwidthRow:
        self.stage.venue.internet.server.times()
        others = [
            self._load(name, cell.direction, pace=0, seconds=CELL_S + LEAD_S)
            for name in self.ways if cell.flood and name != cell.vlan.name
        ]  # fmt: skip
        promised = bandwidth_analysis.guarantee(cell.vlan, cell.direction)
        pace = WIRE * (
            promised
            if cell.flood
            else bandwidth_analysis.offer(self.stage.config, cell.way, cell.direction)
        )
        rows = self._load(cell.vlan.name, cell.direction, pace=pace, seconds=CELL_S).result()
        for each in others:
            each.result()
        begin = next(float(row["at"]) for row in rows if row["kind"] == "began")
        window = (begin + WARM_S, begin + CELL_S)
        flows = self._arrivals(rows, cell)
        rate = bandwidth_analysis.rate_bps(flows, *window) / WIRE
        added = bandwidth_analysis.p95_ms(rows, *window) - self.idle[cell.vlan.name]
        excuse = bandwidth_analysis.excuse(
            self.stage.config, cell.way, cell.situation, cell.direction
        )
        verdict, note = bandwidth_analysis.verdict_of(rate, promised, excuse)
        return BandwidthRow(
            vlan=cell.vlan.name,
            direction=cell.direction,
            situation=cell.situation,
            rate_bps=rate,
            guarantee_bps=promised,
            added_ms=added,
            verdict=verdict,
            note=note,
        )

    def _arrivals(self, rows: list[Row], cell: Cell) -> list[Row]:
        if cell.direction is Direction.DOWN:
            return [row for row in rows if row["kind"] == "flow"]
        streams = self.stage.venue.internet.server.times()
        begins = f"{self._client(cell.vlan.name).seat.name}-load-"
        return [row for flow, row in streams.items() if flow.startswith(begins)]

    def _load(self, vlan: str, direction: Direction, *, pace: float, seconds: float) -> Job:
        sources = self.sources[vlan]
        return self._client(vlan).load(
            sources=sources,
            up=direction is Direction.UP,
            pace_bps=int(pace / len(sources) / FLOWS),
            seconds=seconds,
            flows=FLOWS,
            probe=True,
        )

    def _idle(self) -> dict[str, float]:
        """The median round trip of each VLAN when nothing else is on the lines."""
        jobs = {
            name: self._client(name).load(sources=sources, up=True, pace_bps=0, seconds=0.5,
                                          flows=0, probe=True)
            for name, sources in self.sources.items()
        }  # fmt: skip
        return {name: bandwidth_analysis.median_ms(job.result()) for name, job in jobs.items()}

    def _client(self, vlan: str) -> Client:
        return self.stage.venue.client(vlan)


def rates(stage: Stage) -> Iterator[BandwidthRow]:
    """Every cell that there is time for."""
    if not stage.options.bandwidth:
        return
    ends = time.monotonic() + BUDGET_S
    stage.venue.write_config(patient(stage.config))
    with Warden(stage.venue.gateway) as warden:
        bench = Bench(stage)
        for vlan_way in bench.ways.values():
            yield from bench.cells(vlan_way, "alone", ends, flood=False)
        for vlan_way in bench.guaranteed:
            yield from bench.cells(vlan_way, "others flood", ends, flood=True)
        for name in stage.venue.isps if len(stage.venue.isps) > 1 else ():
            yield from _without(stage, bench, warden, name, ends)
    stage.venue.write_config(stage.config)


def _without(
    stage: Stage, bench: Bench, warden: Warden, uplink: str, ends: float
) -> Iterator[BandwidthRow]:
    """The cells after the loss of an uplink, which is back at the end."""
    affected = [
        way for way in bench.guaranteed if uplink in stage.config.policies[way.policy].uplinks
    ]
    if not affected:
        return
    isp = stage.venue.isp(uplink)
    began = time.monotonic()
    isp.carrier(up=False)
    settles(lambda: not _carries(warden, uplink), within_s=PATIENCE_S)
    settles(lambda: _adjusted(warden, began), within_s=PATIENCE_S / 3)
    for way in affected:
        yield from bench.cells(way, f"without {uplink}, others flood", ends, flood=True)
    isp.carrier(up=True)
    settles(lambda: _up(warden, uplink), within_s=PATIENCE_S)


def _skipped(vlan: str, direction: Direction, situation: str, guarantee: int) -> BandwidthRow:
    return BandwidthRow(
        vlan=vlan,
        direction=direction,
        situation=situation,
        guarantee_bps=guarantee,
        verdict=Verdict.INFO,
        note=f"not measured: {BUDGET_S:.0f} s are over",
    )


def _carries(warden: Warden, uplink: str) -> bool:
    policies = warden.status()["policies"].values()
    return any(uplink in policy["active"] for policy in policies)


def _adjusted(warden: Warden, since: float) -> bool:
    """Whether the rates of what is left are in the kernel."""
    return any(event["kind"] == "adjust" for _, event in warden.after(since))


def _up(warden: Warden, uplink: str) -> bool:
    return bool(warden.status()["uplinks"][uplink]["state"] == "up")
