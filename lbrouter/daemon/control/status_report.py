"""The document of `status`, with the fields that only the daemon knows."""

import time
from collections.abc import Mapping
from math import ceil
from typing import Final

from lbrouter.compile import health
from lbrouter.compile.dhcp.rogue_servers import RogueServerScan, rogue_server_status
from lbrouter.compile.ra.rogue_routers import RogueRouters, rogue_router_status
from lbrouter.compile.report.i18n import message_or_none
from lbrouter.compile.report.lane_copies_seen import CopySamples
from lbrouter.compile.report.status import StatusInputs, set_reason
from lbrouter.compile.report.status import status_document as compose
from lbrouter.compile.report.status_types import Status, TrafficMeasurements, UplinkStatus
from lbrouter.daemon.daemon_state import DaemonState
from lbrouter.daemon.lanes.lane_watch import LaneFindings
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.metrics.bound_watch import BoundWatch
from lbrouter.daemon.overrides.temporary_limits import LimitTable
from lbrouter.model.health import UplinkState
from lbrouter.model.messages.message import Message, joined

STATES_WITHOUT_ROUND_TRIP: Final = frozenset({UplinkState.DOWN, UplinkState.WAITING})
"""The last figure of a line that is dead would be read as one of now."""


def daemon_status(
    applied: AppliedState,
    state: DaemonState,
    measured: TrafficMeasurements,
    *,
    new_flows: Mapping[str, Mapping[int, int]],
    limits: LimitTable,
    rogue_servers: RogueServerScan,
    bounds: BoundWatch,
    rogue_routers: RogueRouters,
    pending_s: float | None,
    lanes: LaneFindings,
) -> Status:
    """Contract, section 3; the health as it is now, the rest as it was applied or observed last."""
    inputs = StatusInputs(
        allocation=applied.snapshot.allocation,
        facts=applied.snapshot.facts,
        observed=applied.state,
        health=state.health,
        shortfalls=applied.shaping.shortfalls,
        measured=measured,
        new_flows=new_flows,
        config_digest=applied.file.digest,
        observed_at="",
    )
    document = compose(applied.file.config, inputs)
    document["daemon"], document["kernel"] = True, state.kernel
    document["pending_confirm_s"] = None if pending_s is None else ceil(pending_s)
    for name, uplink in document["uplinks"].items():
        readings = health.uplink_readings(state.health_state, name)
        uplink["since"] = state.since[name]
        if uplink["state"] not in STATES_WITHOUT_ROUND_TRIP:
            uplink["rtt_ms"] = _rounded(readings.rtt_ms)
            uplink["jitter_ms"] = _rounded(readings.jitter_ms)
        uplink["loss_percent"] = _rounded(readings.loss_percent)
    # Of each lane, the age of its handshake, its lines' figures, and why its relay is silent.
    for lane in applied.file.config.lanes():
        known = applied.snapshot.facts.lanes.get(lane.name)
        found = document["uplinks"][lane.name]
        _add_lane_reason(found, lanes.reasons.get(lane.name))
        if known is not None and known.handshake_at is not None:
            found["handshake_age_s"] = round(max(0.0, time.time() - known.handshake_at), 1)
        for line, each in found["over"].items():
            copies = lanes.copies.get((lane.name, line), CopySamples())
            each["rtt_ms"], each["loss_percent"] = copies.rtt_ms, copies.loss_percent
            each["dropped_percent"] = copies.dropped_percent
    for name, vlan in document["vlans"].items():
        vlan["limit"] = limits.status(name)
        vlan["other_dhcp_servers"] = rogue_server_status(rogue_servers, name)
        vlan["bound"], vlan["bound_clients"] = bounds.vlan_status(applied.file.config, name)
        vlan["other_routers"] = rogue_router_status(rogue_routers, name)
    return document


def _add_lane_reason(found: UplinkStatus, reason: Message | None) -> None:
    """Why the relay is silent, in place of "no answer"; of a lane that works, beside the rest."""
    if reason is None:
        return
    found["reason_code"] = str(reason.code)
    known = message_or_none(found["reason_data"])
    told = known if known and found["state"] not in STATES_WITHOUT_ROUND_TRIP else None
    set_reason(found, joined([reason] if told is None else [told, reason]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
