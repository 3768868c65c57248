"""Which uplinks are fit: a pure state machine from events to `GatewayHealth`. See docs/failover.md.

`initial_state`, then `step` for each event, `current_health` for the compiler; before each probe
`probe_interval_s` says when the next one is due. Without a daemon: `compile.health.carrier_only`.
"""

from lbrouter.compile.health.machine import (
    initial_state,
    reconfigure,
    renamed_uplinks,
    resumed,
    step,
    succeed,
)
from lbrouter.compile.health.measures import UplinkReadings
from lbrouter.compile.health.outputs import (
    UplinkChange,
    current_health,
    full_size_probe_interval_s,
    is_equivalent,
    next_deadline,
    probe_interval_s,
    uplink_changes,
    uplink_readings,
)
from lbrouter.compile.health.state import HealthState

__all__ = [
    "HealthState",
    "UplinkChange",
    "UplinkReadings",
    "current_health",
    "full_size_probe_interval_s",
    "initial_state",
    "is_equivalent",
    "next_deadline",
    "probe_interval_s",
    "reconfigure",
    "renamed_uplinks",
    "resumed",
    "step",
    "succeed",
    "uplink_changes",
    "uplink_readings",
]
