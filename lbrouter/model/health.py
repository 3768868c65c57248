"""The health of the uplinks: the input that a failover changes.

Without a daemon it comes from the carriers (`compile.health.carrier_only`); with one, the health
state machine keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import TextCode
from lbrouter.model.messages.message import Message


class UplinkState(StrEnum):
    """States of an uplink, as `status --json` prints them."""

    WAITING = "waiting"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    DRAINED = "drained"
    CHECKING = "checking"
    """It has an address and is not judged yet. That is no incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyHealth:
    """One address family of one uplink: its state, why, and the policies that it is too bad for."""

    state: UplinkState
    why: Message
    excluded_policies: frozenset[str] = frozenset()
    """Names of policies that this family of the uplink is out of, while degraded."""
    alive: bool = True
    """Whether there is a carrier, and since the last fault any answer: of a target, of the next
    hop."""
    badness: float = 0.0
    """Orders bad uplinks for the fallback: the lowest is the least bad. Loss in percent, say."""
    recent_loss: float = 0.0
    """Loss of the last seconds in percent, in steps of five: what a lane asks of its lines."""

    @property
    def reason(self) -> str:
        """Why it is in its state, in English."""
        return self.why.text

    @property
    def reason_code(self) -> str:
        """The same for programs; "" for words without a code."""
        return "" if self.why.code is TextCode.TOLD else str(self.why.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealth:
    """One uplink: its state (the better one of its families), why, and each family by itself."""

    state: UplinkState
    why: Message
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
    """An operator wants the established flows moved as well (`uplink drain NAME --now`)."""
    families: Mapping[AddressFamily, FamilyHealth] = field(default_factory=dict)
    """What is known of each family; empty where no daemon judges them."""

    @property
    def reason(self) -> str:
        """Why it is in its state, in English."""
        return self.why.text

    @property
    def reason_code(self) -> str:
        """The same for programs; "" for words without a code."""
        return "" if self.why.code is TextCode.TOLD else str(self.why.code)

    def of(self, family: AddressFamily) -> FamilyHealth:
        """The health of `family`; the line's own where families are not judged by themselves."""
        return self.families.get(family) or self.of_itself

    @property
    def of_itself(self) -> FamilyHealth:
        """The line's own health, in the form of a family's."""
        return FamilyHealth(
            state=self.state,
            why=self.why,
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
