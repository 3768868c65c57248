"""The bandwidth checks: each VLAN alone, while the others flood, and after the loss of an uplink.

The VLAN under test asks for its guarantee, paced by TCP; the others send as fast as they can. Alone
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
from lbrouter.rehearsal.checks.fault_config import with_short_up_after
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.process import LabProcess, poll_until
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    BandwidthRow,
)

MEASUREMENT_S, WARM_UP_S = 1.8, 0.5
"""How long a measurement lasts, and its start, which is not counted: TCP finds its rate first."""

FLOOD_LEAD_S = 0.6
"""How much longer the others flood: they begin first."""

BANDWIDTH_BUDGET_S = 75.0
"""No measurement begins later than this: many uplinks and VLANs need many of them."""

BANDWIDTH_NOTES = (
    "bandwidth: Ethernet frames are counted, as in the file; over 1.3 s 97 % is a guarantee kept",
)
"""What the reader of the rows must know."""

LOAD_SOURCES_PER_VLAN, LOAD_FLOWS_PER_SOURCE = 4, 1
UPLINK_CHANGE_TIMEOUT_S = 15.0
"""For an uplink to be left, or to be used again; the rates show the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthMeasurement:
    """One measurement: which VLAN, in which direction, in which situation."""

    path: TrafficPath
    vlan: Vlan
    direction: Direction
    situation: str
    others_flood: bool


class LoadRig:
    """The clients that load the gateway: one path for each VLAN, always the same addresses."""

    def __init__(self, context: RehearsalContext) -> None:
        self.context = context
        self.paths: dict[str, TrafficPath] = {}
        for path in traffic_paths(context.venue.layout):
            own = context.config.vlans[path.vlan].policy == path.policy
            if own and path.version == 4:
                self.paths.setdefault(path.vlan, path)
        self.sources = {
            name: [
                str(address)
                for address in context.unused_addresses(
                    self._client(name), 4, LOAD_SOURCES_PER_VLAN
                )
            ]
            for name in self.paths
        }
        # The median round trip of each VLAN when nothing else is on the lines.
        jobs = {
            name: self._client(name).start_load(sources=sources, up=True, pace_bps=0, seconds=0.5,
                                          flows=0, probe=True)
            for name, sources in self.sources.items()
        }  # fmt: skip
        self.idle_rtt_ms = {
            name: bandwidth_analysis.median_rtt_ms(job.result()) for name, job in jobs.items()
        }

    @property
    def guaranteed_paths(self) -> list[TrafficPath]:
        """The paths of VLANs that have a guarantee in the file."""
        vlans = self.context.config.vlans
        return [
            path
            for name, path in self.paths.items()
            if bandwidth_analysis.has_guarantee(vlans[name])
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
                yield BandwidthRow(
                    vlan=path.vlan,
                    direction=direction,
                    situation=situation,
                    guarantee_bps=guarantee,
                    verdict=CheckVerdict.INFO,
                    note=f"not measured: {BANDWIDTH_BUDGET_S:.0f} s are over",
                )
                continue
            self.context.progress(f"{path.vlan}, {direction}: {situation}")
            measurement = BandwidthMeasurement(
                path=path, vlan=vlan, direction=direction, situation=situation, others_flood=flood
            )
            yield self._measure(measurement)

    def _measure(self, measurement: BandwidthMeasurement) -> BandwidthRow:
        self.context.venue.internet.server.take_stream_arrivals()
        others = [
            self._start_load(
                name, measurement.direction, pace=0, seconds=MEASUREMENT_S + FLOOD_LEAD_S
            )
            for name in self.paths
            if measurement.others_flood and name != measurement.vlan.name
        ]
        guarantee = bandwidth_analysis.guarantee_of(measurement.vlan, measurement.direction)
        pace = TCP_PAYLOAD_SHARE * (
            guarantee
            if measurement.others_flood
            else bandwidth_analysis.offered_load_bps(
                self.context.config, measurement.path, measurement.direction
            )
        )
        rows = self._start_load(
            measurement.vlan.name, measurement.direction, pace=pace, seconds=MEASUREMENT_S
        ).result()
        for load in others:
            load.result()
        begin = next(float(row["at"]) for row in rows if row["kind"] == "began")
        window = (begin + WARM_UP_S, begin + MEASUREMENT_S)
        if measurement.direction is Direction.DOWNLOAD:
            flows = [row for row in rows if row["kind"] == "flow"]
        else:
            streams = self.context.venue.internet.server.take_stream_arrivals()
            prefix = f"{self._client(measurement.vlan.name).layout.name}-load-"
            flows = [row for flow, row in streams.items() if flow.startswith(prefix)]
        rate = bandwidth_analysis.received_bps(flows, *window) / TCP_PAYLOAD_SHARE
        added = (
            bandwidth_analysis.p95_rtt_ms(rows, *window) - self.idle_rtt_ms[measurement.vlan.name]
        )
        exemption = bandwidth_analysis.exemption_reason(
            self.context.config, measurement.path, measurement.situation, measurement.direction
        )
        verdict, note = bandwidth_analysis.guarantee_verdict(rate, guarantee, exemption)
        return BandwidthRow(
            vlan=measurement.vlan.name,
            direction=measurement.direction,
            situation=measurement.situation,
            rate_bps=rate,
            guarantee_bps=guarantee,
            added_ms=added,
            verdict=verdict,
            note=note,
        )

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

    def _client(self, vlan: str) -> ClientHost:
        return self.context.venue.client(vlan)


def measure_bandwidth(context: RehearsalContext) -> Iterator[BandwidthRow]:
    """Every measurement that there is time for."""
    if not context.options.bandwidth:
        return
    ends = time.monotonic() + BANDWIDTH_BUDGET_S
    context.venue.write_config(with_short_up_after(context.config))
    with DaemonProcess(context.venue.gateway) as daemon:
        rig = LoadRig(context)
        for path in rig.paths.values():
            yield from rig.measure_directions(path, "alone", ends, flood=False)
        for path in rig.guaranteed_paths:
            yield from rig.measure_directions(path, "others flood", ends, flood=True)
        for name in context.venue.isps if len(context.venue.isps) > 1 else ():
            yield from _measure_without(context, rig, daemon, name, ends)
    context.venue.write_config(context.config)


def _measure_without(
    context: RehearsalContext, rig: LoadRig, daemon: DaemonProcess, uplink: str, ends: float
) -> Iterator[BandwidthRow]:
    """The measurements after the loss of an uplink, which is back at the end."""
    affected = [
        path
        for path in rig.guaranteed_paths
        if uplink in context.config.policies[path.policy].uplinks
    ]
    if not affected:
        return
    isp = context.venue.isp(uplink)
    began = time.monotonic()
    isp.set_carrier(up=False)
    poll_until(lambda: not _is_active(daemon, uplink), within_s=UPLINK_CHANGE_TIMEOUT_S)
    # Until the rates for the uplinks that are left are in the kernel.
    poll_until(
        lambda: any(event["kind"] == "adjust" for _, event in daemon.events_since(began)),
        within_s=UPLINK_CHANGE_TIMEOUT_S / 3,
    )
    for path in affected:
        yield from rig.measure_directions(path, f"without {uplink}, others flood", ends, flood=True)
    isp.set_carrier(up=True)
    poll_until(
        lambda: bool(daemon.status()["uplinks"][uplink]["state"] == "up"),
        within_s=UPLINK_CHANGE_TIMEOUT_S,
    )


def _is_active(daemon: DaemonProcess, uplink: str) -> bool:
    policies = daemon.status()["policies"].values()
    return any(uplink in policy["active"] for policy in policies)
