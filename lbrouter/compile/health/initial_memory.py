"""The memory of a line at the start: from what is known, or from nothing."""

from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.health.probe_pacing import FAST_PROBE_BUDGET_S
from lbrouter.compile.health.settings import UplinkHealthSettings, uplink_health_settings
from lbrouter.compile.health.state import LineKey
from lbrouter.compile.health.statistics.loss_test import LossEvidence
from lbrouter.compile.health.uplink_memory import (
    LONG_AGO,
    PolicyTolerance,
    UplinkMemory,
    new_target_stats,
)
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.health import (
    FamilyHealth,
    GatewayHealth,
    UplinkHealth,
    UplinkState,
)
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import told


def initial_lines(config: Config, at: float, known: GatewayHealth) -> dict[LineKey, UplinkMemory]:
    """The memory of each family of each uplink, from the health that is `known`.

    An uplink that is known to work is trusted until probes say otherwise: a restart moves nothing.
    One of which only the carrier is known is to be checked first.
    """
    return {
        (name, family): _new_memory(
            uplink_health_settings(config, uplink, family),
            at,
            health := known.uplinks.get(name) or _assumed_health(uplink),
            health.of(family),
        )
        for name, uplink in config.uplinks.items()
        for family in uplink_families(uplink)
    }


def _assumed_health(uplink: Uplink) -> UplinkHealth:
    """The health of an uplink without any data: to be checked once it has an address."""
    static = uplink.addressing is Addressing.STATIC
    state = UplinkState.CHECKING if static else UplinkState.WAITING
    return UplinkHealth(state=state, why=told(""), alive=static)


def _new_memory(
    settings: UplinkHealthSettings, at: float, uplink: UplinkHealth, known: FamilyHealth
) -> UplinkMemory:
    state = UplinkState.UP if known.state is UplinkState.DEGRADED else known.state
    if known.why.code is ReasonCode.NOT_PROBED:
        state = UplinkState.CHECKING
    return UplinkMemory(
        settings=settings,
        state=state,
        since=at,
        judged=state not in (UplinkState.CHECKING, UplinkState.WAITING),
        follows_other_family=settings.implied,
        addressed=state is not UplinkState.WAITING,
        no_address_reason=known.why if state is UplinkState.WAITING else None,
        drained=uplink.drained or state is UplinkState.DRAINED,
        move_flows=uplink.move_flows,
        responding=known.alive,
        silent_since=at,
        last_fault_at=at if not known.alive else LONG_AGO,
        fast_probe_budget_s=FAST_PROBE_BUDGET_S,
        targets=new_target_stats(settings),
        evidence=tuple(LossEvidence() for _ in settings.loss_limits),
        policy_tolerance=tuple(PolicyTolerance() for _ in settings.limits),
    )
