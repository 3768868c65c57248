"""Which uplinks are fit: a pure state machine from events to `Health`. See docs/failover.md.

`begin`, then `step` for each event, `health` for the compiler; before each probe `pace` says how
soon the next one is due. With no daemon, `compile.glimpse` judges instead.
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
