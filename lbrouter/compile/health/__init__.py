"""Which uplinks are fit: a pure state machine from events to `GatewayHealth`. See docs/failover.md.

`initial_state`, then `step` for each event, `current_health` for the compiler; before each probe
`probe_interval_s` says when the next one is due. Without a daemon: `compile.health.carrier_only`.
"""

from lbrouter.compile.health.machine import HealthState, initial_state, reconfigure, step
from lbrouter.compile.health.measures import UplinkReadings
from lbrouter.compile.health.outputs import (
    UplinkChange,
    current_health,
    is_equivalent,
    next_deadline,
    probe_interval_s,
    uplink_changes,
    uplink_readings,
)

__all__ = [
    "HealthState",
    "UplinkChange",
    "UplinkReadings",
    "current_health",
    "initial_state",
    "is_equivalent",
    "next_deadline",
    "probe_interval_s",
    "reconfigure",
    "step",
    "uplink_changes",
    "uplink_readings",
]
