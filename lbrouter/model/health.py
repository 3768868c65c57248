"""The health of the uplinks: the input that a failover changes.

Without a daemon it comes from the carriers (`compile.health.carrier_only`); with one, the health
state machine keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lbrouter.model.kernel_state import AddressFamily


class UplinkState(StrEnum):
    """States of an uplink, as `status --json` prints them."""

    WAITING = "waiting"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    DRAINED = "drained"
    CHECKING = "checking"
    """It has an address and is not judged yet. That is no incident."""


class ReasonCode(StrEnum):
    """Why a line is in its state, for programs: these words stay as they are."""

    ANSWERING = "answering"
    CAPTIVE_PORTAL = "captive_portal"
    CHECKING = "checking"
    DRAINED = "drained"
    FOLLOWS_OTHER_FAMILY = "follows_other_family"
    HOLD_DOWN = "hold_down"
    """It answers again, and has to stay so for a while."""
    JITTER = "jitter"
    LATENCY = "latency"
    LOSS = "loss"
    MTU_BLACK_HOLE = "mtu_black_hole"
    """Small packets pass, packets of full size passed and do no longer."""
    NO_ADDRESS = "no_address"
    NO_ANSWER = "no_answer"
    NO_CARRIER = "no_carrier"
    NO_INTERFACE = "no_interface"
    NOT_PROBED = "not_probed"
    SUSPECT = "suspect"
    """Silent for a moment, now or a short time ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyHealth:
    """One address family of one uplink: its state, why, and the policies that it is too bad for.

    `reason_code` is stable, for programs; `reason` is the sentence for people.
    """

    state: UplinkState
    reason: str
    reason_code: str = ""
    excluded_policies: frozenset[str] = frozenset()
    """Names of policies that this family of the uplink is out of, while degraded."""
    alive: bool = True
    """Whether there is a carrier, and since the last fault any answer: of a target, of the next
    hop."""
    badness: float = 0.0
    """Orders bad uplinks for the fallback: the lowest is the least bad. Loss in percent, say."""
    recent_loss: float = 0.0
    """Loss of the last seconds in percent, in steps of five: what a lane asks of its lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealth:
    """One uplink: its state (the better one of its families), why, and each family by itself."""

    state: UplinkState
    reason: str
    reason_code: str = ""
    excluded_policies: frozenset[str] = frozenset()
    """Names of policies that this uplink is out of, while degraded."""
    alive: bool = True
    """Whether there is a carrier and any answer: what the least bad uplink must have."""
    badness: float = 0.0
    """Orders bad uplinks for the fallback: the lowest is the least bad. Loss in percent, say."""
    recent_loss: float = 0.0
    """Loss of the last seconds in percent, in steps of five: what a lane asks of its lines."""
    carrier: bool = True
    drained: bool = False
    """An operator took it out. It stays true while the line is down."""
    move_flows: bool = False
    """An operator wants the living flows moved as well (`uplink drain NAME --now`)."""
    families: Mapping[AddressFamily, FamilyHealth] = field(default_factory=dict)
    """What is known of each family; empty where no daemon judges them."""

    def of(self, family: AddressFamily) -> FamilyHealth:
        """The health of `family`; the line's own where families are not judged by themselves."""
        return self.families.get(family) or self.of_itself

    @property
    def of_itself(self) -> FamilyHealth:
        """The line's own health, in the form of a family's."""
        return FamilyHealth(
            state=self.state,
            reason=self.reason,
            reason_code=self.reason_code,
            excluded_policies=self.excluded_policies,
            alive=self.alive,
            badness=self.badness,
            recent_loss=self.recent_loss,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHealth:
    """All uplinks by name, and what an operator pinned (policy name to uplink name)."""

    uplinks: Mapping[str, UplinkHealth] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
