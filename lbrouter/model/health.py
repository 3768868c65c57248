"""What is known of the uplinks: the input that a failover changes.

Without a daemon it is read off the carriers (`compile.glimpse.first_look`); with one, the state
machine keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class UplinkState(StrEnum):
    """States of an uplink, as `status --json` prints them."""

    WAITING = "waiting"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealth:
    """One uplink: its state, why, and the policies whose tolerance it exceeds."""

    state: UplinkState
    reason: str
    left: frozenset[str] = frozenset()
    """Names of policies that this uplink is out of, while degraded."""
    alive: bool = True
    """Whether there is a carrier and any sign of life: what the least bad uplink must have."""
    badness: float = 0.0
    """Orders bad uplinks for the fallback: the lowest is the least bad. Loss in percent, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All uplinks by name, and the pins that an operator set (policy name to uplink name)."""

    uplinks: Mapping[str, UplinkHealth] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
