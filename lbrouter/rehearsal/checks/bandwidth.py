"""The act of bandwidth: what each VLAN gets alone, in a flood of the others, after a loss.

The VLAN under test asks for its guarantee, paced by TCP; the others take whatever they get. Alone
it asks for half again as much as its lines carry.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.model.config import Vlan
from lbrouter.model.direction import Direction
from lbrouter.rehearsal.analysis import bandwidth_analysis
from lbrouter.rehearsal.analysis.bandwidth_analysis import TCP_PAYLOAD_SHARE
from lbrouter.rehearsal.analysis.expected import TrafficPath, traffic_paths
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.checks.fault_procedure import with_short_up_after
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.process import JsonRow, LabProcess, poll_until
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    BandwidthRow,
)

MEASUREMENT_S, WARM_UP_S = 1.8, 0.5
"""How long a cell lasts, and what of it is not counted: TCP finds its rate first."""

FLOOD_LEAD_S = 0.6
"""How much longer the others flood, who begin first."""

BANDWIDTH_BUDGET_S = 75.0
"""No cell begins later than this: a file with many uplinks and VLANs has many cells."""

BANDWIDTH_NOTES = (
    "bandwidth: Ethernet frames are counted, as in the file; over 1.3 s 97 % is a guarantee kept",
)
"""What the reader of the rows must know."""

LOAD_SOURCES_PER_VLAN, LOAD_FLOWS_PER_SOURCE = 4, 1
UPLINK_CHANGE_TIMEOUT_S = 15.0
"""For an uplink to be left, or to be used again; what comes of it is in the rates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthMeasurement:
    """One measurement: who is looked at, in which direction, in which situation."""

    path: TrafficPath
    vlan: Vlan
    direction: Direction
    situation: str
    others_flood: bool


class LoadRig:
    """The clients that load the gateway: one way for each VLAN, always the same addresses."""

    def __init__(self, context: RehearsalContext) -> None:
        self.context = context
        self.paths: dict[str, TrafficPath] = {}
        for way in traffic_paths(context.venue.layout):
            own = context.config.vlans[way.vlan].policy == way.policy
            if own and way.version == 4:
                self.paths.setdefault(way.vlan, way)
        self.sources = {
            name: [
                str(each)
                for each in context.unused_addresses(self._client(name), 4, LOAD_SOURCES_PER_VLAN)
            ]
            for name in self.paths
        }
        self.idle_rtt_ms = self._measure_idle_rtt_ms()

    @property
    def guaranteed_paths(self) -> list[TrafficPath]:
        """The ways of VLANs that have a guarantee in the file."""
        vlans = self.context.config.vlans
        return [
            way for name, way in self.paths.items() if bandwidth_analysis.has_guarantee(vlans[name])
        ]

    def measure_directions(
        self, path: TrafficPath, situation: str, ends: float, *, flood: bool
    ) -> Iterator[BandwidthRow]:
        """Both directions of one situation."""
        vlan = self.context.config.vlans[path.vlan]
        for direction in Direction:
            guarantee = bandwidth_analysis.guarantee_of(vlan, direction)
            if flood and not guarantee:
                continue
            if time.monotonic() > ends:
                yield _skipped_row(path.vlan, direction, situation, guarantee)
                continue
            self.context.progress(f"{path.vlan}, {direction}: {situation}")
            cell = BandwidthMeasurement(
                path=path, vlan=vlan, direction=direction, situation=situation, others_flood=flood
            )
            row = self._measure(cell)
            # A busy processor looks like a broken promise; a broken promise is broken twice.
            yield self._measure(cell) if row.verdict is CheckVerdict.FAIL else row

    def _measure(self, cell: BandwidthMeasurement) -> BandwidthRow:
        self.context.venue.internet.server.take_stream_arrivals()
        others = [
            self._start_load(name, cell.direction, pace=0, seconds=MEASUREMENT_S + FLOOD_LEAD_S)
            for name in self.paths if cell.others_flood and name != cell.vlan.name
        ]  # fmt: skip
        promised = bandwidth_analysis.guarantee_of(cell.vlan, cell.direction)
        pace = TCP_PAYLOAD_SHARE * (
            promised
            if cell.others_flood
            else bandwidth_analysis.offered_load_bps(self.context.config, cell.path, cell.direction)
        )
        rows = self._start_load(
            cell.vlan.name, cell.direction, pace=pace, seconds=MEASUREMENT_S
        ).result()
        for each in others:
            each.result()
        begin = next(float(row["at"]) for row in rows if row["kind"] == "began")
        window = (begin + WARM_UP_S, begin + MEASUREMENT_S)
        flows = self._received_flows(rows, cell)
        rate = bandwidth_analysis.received_bps(flows, *window) / TCP_PAYLOAD_SHARE
        added = bandwidth_analysis.p95_rtt_ms(rows, *window) - self.idle_rtt_ms[cell.vlan.name]
        excuse = bandwidth_analysis.exemption_reason(
            self.context.config, cell.path, cell.situation, cell.direction
        )
        verdict, note = bandwidth_analysis.guarantee_verdict(rate, promised, excuse)
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

    def _received_flows(self, rows: list[JsonRow], cell: BandwidthMeasurement) -> list[JsonRow]:
        if cell.direction is Direction.DOWNLOAD:
            return [row for row in rows if row["kind"] == "flow"]
        streams = self.context.venue.internet.server.take_stream_arrivals()
        begins = f"{self._client(cell.vlan.name).layout.name}-load-"
        return [row for flow, row in streams.items() if flow.startswith(begins)]

    def _start_load(
        self, vlan: str, direction: Direction, *, pace: float, seconds: float
    ) -> LabProcess:
        sources = self.sources[vlan]
        return self._client(vlan).start_load(
            sources=sources,
            up=direction is Direction.UPLOAD,
            pace_bps=int(pace / len(sources) / LOAD_FLOWS_PER_SOURCE),
            seconds=seconds,
            flows=LOAD_FLOWS_PER_SOURCE,
            probe=True,
        )

    def _measure_idle_rtt_ms(self) -> dict[str, float]:
        """The median round trip of each VLAN when nothing else is on the lines."""
        jobs = {
            name: self._client(name).start_load(sources=sources, up=True, pace_bps=0, seconds=0.5,
                                          flows=0, probe=True)
            for name, sources in self.sources.items()
        }  # fmt: skip
        return {name: bandwidth_analysis.median_rtt_ms(job.result()) for name, job in jobs.items()}

    def _client(self, vlan: str) -> ClientHost:
        return self.context.venue.client(vlan)


def measure_bandwidth(context: RehearsalContext) -> Iterator[BandwidthRow]:
    """Every cell that there is time for."""
    if not context.options.bandwidth:
        return
    ends = time.monotonic() + BANDWIDTH_BUDGET_S
    context.venue.write_config(with_short_up_after(context.config))
    with DaemonProcess(context.venue.gateway) as warden:
        bench = LoadRig(context)
        for vlan_way in bench.paths.values():
            yield from bench.measure_directions(vlan_way, "alone", ends, flood=False)
        for vlan_way in bench.guaranteed_paths:
            yield from bench.measure_directions(vlan_way, "others flood", ends, flood=True)
        for name in context.venue.isps if len(context.venue.isps) > 1 else ():
            yield from _measure_without(context, bench, warden, name, ends)
    context.venue.write_config(context.config)


def _measure_without(
    context: RehearsalContext, rig: LoadRig, daemon: DaemonProcess, uplink: str, ends: float
) -> Iterator[BandwidthRow]:
    """The cells after the loss of an uplink, which is back at the end."""
    affected = [
        way for way in rig.guaranteed_paths if uplink in context.config.policies[way.policy].uplinks
    ]
    if not affected:
        return
    isp = context.venue.isp(uplink)
    began = time.monotonic()
    isp.set_carrier(up=False)
    poll_until(lambda: not _is_active(daemon, uplink), within_s=UPLINK_CHANGE_TIMEOUT_S)
    poll_until(lambda: _rates_adjusted(daemon, began), within_s=UPLINK_CHANGE_TIMEOUT_S / 3)
    for way in affected:
        yield from rig.measure_directions(way, f"without {uplink}, others flood", ends, flood=True)
    isp.set_carrier(up=True)
    poll_until(lambda: _is_up(daemon, uplink), within_s=UPLINK_CHANGE_TIMEOUT_S)


def _skipped_row(vlan: str, direction: Direction, situation: str, guarantee: int) -> BandwidthRow:
    return BandwidthRow(
        vlan=vlan,
        direction=direction,
        situation=situation,
        guarantee_bps=guarantee,
        verdict=CheckVerdict.INFO,
        note=f"not measured: {BANDWIDTH_BUDGET_S:.0f} s are over",
    )


def _is_active(daemon: DaemonProcess, uplink: str) -> bool:
    policies = daemon.status()["policies"].values()
    return any(uplink in policy["active"] for policy in policies)


def _rates_adjusted(daemon: DaemonProcess, since: float) -> bool:
    """Whether the rates of what is left are in the kernel."""
    return any(event["kind"] == "adjust" for _, event in daemon.events_since(since))


def _is_up(daemon: DaemonProcess, uplink: str) -> bool:
    return bool(daemon.status()["uplinks"][uplink]["state"] == "up")
