"""Which uplinks are fit: a pure state machine from events to `Health`. See docs/failover.md.

`begin`, then `step` for each event, `health` for the compiler; before each probe `pace` says how
soon the next one is due. With no daemon, `compile.glimpse` judges instead.
"""

from lbrouter.compile.health.machine import Brain, begin, renew, step
from lbrouter.compile.health.measures import Readings
from lbrouter.compile.health.outputs import (
    Change,
    changes,
    health,
    next_deadline,
    pace,
    readings,
    same,
)

__all__ = [
    "Brain",
    "Change",
    "Readings",
    "begin",
    "changes",
    "health",
    "next_deadline",
    "pace",
    "readings",
    "renew",
    "same",
    "step",
]
