"""`HealthState` and its step: from one event to the next state. Pure, for every event."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lbrouter.compile.health import probe_accounting
from lbrouter.compile.health.condition import IN_USE_STATES, evaluate_uplink, exceeded_policies
from lbrouter.compile.health.loss_test import LossEvidence
from lbrouter.compile.health.probe_pacing import FAST_PROBE_BUDGET_S
from lbrouter.compile.health.settings import UplinkHealthSettings, uplink_health_settings
from lbrouter.compile.health.uplink_memory import (
    LONG_AGO,
    PolicyTolerance,
    UplinkMemory,
    new_target_stats,
)
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.events import (
    AddressingChanged,
    CarrierChanged,
    Drain,
    HealthEvent,
    Pin,
    ProbeAnswered,
    ProbeLost,
    ProbeSent,
    ProcessDelayed,
    QueueFull,
    RepliesSeen,
    Restore,
    Tick,
)
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState

SELF_CONGESTION_HOLD_S = 1.0
"""After our queue was full its probes are still on their way."""

UplinkEvent = (
    ProbeSent
    | ProbeAnswered
    | ProbeLost
    | CarrierChanged
    | AddressingChanged
    | QueueFull
    | RepliesSeen
    | Drain
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthState:
    """The memory of all uplinks, at one moment of the monotonic clock."""

    at: float
    config: Config
    uplinks: Mapping[str, UplinkMemory] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)


def initial_state(config: Config, at: float, known: GatewayHealth | None = None) -> HealthState:
    """The state at the start, from what is `known`: a first look, or the saved health.

    An uplink that is known to work is trusted until probes say otherwise: a restart moves nothing.
    """
    health = known or GatewayHealth()
    lines = {
        name: _new_memory(
            uplink_health_settings(config, uplink),
            at,
            health.uplinks.get(name) or _assumed_health(uplink),
        )
        for name, uplink in config.uplinks.items()
    }
    return HealthState(at=at, config=config, uplinks=lines, pins=_valid_pins(config, health.pins))


def reconfigure(state: HealthState, config: Config, at: float) -> HealthState:
    """The state under another configuration: the memory of uplinks that stay is kept."""
    fresh = initial_state(config, at)
    lines = {
        name: _carry_over(state.uplinks.get(name), line) for name, line in fresh.uplinks.items()
    }
    return replace(fresh, uplinks=lines, pins=_valid_pins(config, state.pins))


def step(state: HealthState, event: HealthEvent, config: Config) -> HealthState:
    """The state after `event`. An unknown uplink or policy changes only the time."""
    at = max(state.at, event.at)
    if config is not state.config:
        state = reconfigure(state, config, at)
    state = replace(state, at=at)
    match event:
        case Tick():
            return _evaluate_all(_expire_probes(state))
        case ProcessDelayed():
            lines = {
                n: probe_accounting.on_suspend(x, at, event.delay_s)
                for n, x in state.uplinks.items()
            }
            return _evaluate_all(_expire_probes(replace(state, uplinks=lines)))
        case Pin():
            return _apply_pin(state, event.policy, event.uplink)
        case Restore():
            pins = {policy: name for policy, name in state.pins.items() if name != event.uplink}
            return _apply_uplink_event(replace(state, pins=pins), event.uplink, event)
        case _:
            return _apply_uplink_event(state, event.uplink, event)


def _apply_uplink_event(state: HealthState, name: str, event: UplinkEvent | Restore) -> HealthState:
    """One uplink after its event; the others too, if it changed its state."""
    line = state.uplinks.get(name)
    if line is None:
        return state
    # An answer that has arrived counts before its probe can expire.
    line = probe_accounting.expire_overdue(_update_memory(line, event, state.at), state.at)
    line = evaluate_uplink(line, state.at, is_last_resort=is_last_resort(state, name))
    changed = line.state is not state.uplinks[name].state
    state = replace(state, uplinks={**state.uplinks, name: line})
    return _evaluate_all(state) if changed else state


def _update_memory(line: UplinkMemory, event: UplinkEvent | Restore, at: float) -> UplinkMemory:
    match event:
        case ProbeSent():
            return probe_accounting.on_sent(line, event, at)
        case ProbeAnswered():
            return probe_accounting.on_answered(line, event, at)
        case ProbeLost():
            return probe_accounting.on_lost(line, event, at)
        case CarrierChanged():
            line = (
                line if line.carrier is event.up else _on_link_change(line, at, restored=event.up)
            )
            return replace(line, carrier=event.up)
        case AddressingChanged():
            line = (
                line
                if line.addressed is event.ready
                else _on_link_change(line, at, restored=event.ready)
            )
            return replace(line, addressed=event.ready, no_address_reason=event.reason)
        case QueueFull():
            until = (
                at + SELF_CONGESTION_HOLD_S
                if line.queue_full and not event.full
                else line.self_congested_until
            )
            return replace(line, queue_full=event.full, self_congested_until=until)
        case RepliesSeen():
            return replace(line, last_reply_at=at)
        case _:
            move_flows = isinstance(event, Drain) and event.move_flows
            return replace(line, drained=isinstance(event, Drain), move_flows=move_flows)


def _on_link_change(line: UplinkMemory, at: float, *, restored: bool) -> UplinkMemory:
    """The line when its carrier or address went, or came: earlier answers count no more."""
    line = replace(line, consecutive_losses=0, silent_since=at, responding=False, suspect=False)
    return line if restored else replace(line, link_lost_at=at)


def _expire_probes(state: HealthState) -> HealthState:
    lines = {
        name: probe_accounting.expire_overdue(line, state.at)
        for name, line in state.uplinks.items()
    }
    return replace(state, uplinks=lines)


def _evaluate_all(state: HealthState) -> HealthState:
    lines = {
        name: evaluate_uplink(line, state.at, is_last_resort=is_last_resort(state, name))
        for name, line in state.uplinks.items()
    }
    return replace(state, uplinks=lines)


def is_last_resort(state: HealthState, name: str) -> bool:
    """Whether this uplink is out of use and some policy of it has no usable one."""
    return state.uplinks[name].state not in IN_USE_STATES and any(
        not any(is_usable(line, policy) for other, line in state.uplinks.items() if other != name)
        for policy in state.uplinks[name].settings.policies
    )


def is_usable(line: UplinkMemory, policy: str) -> bool:
    """Whether the uplink can carry new flows of a policy that lists it."""
    listed = policy in line.settings.policies
    return listed and line.state in IN_USE_STATES and policy not in exceeded_policies(line)


def _apply_pin(state: HealthState, policy: str, uplink: str | None) -> HealthState:
    pins = {other: name for other, name in state.pins.items() if other != policy}
    wanted = {} if uplink is None else {policy: uplink}
    return replace(state, pins={**pins, **_valid_pins(state.config, wanted)})


def _valid_pins(config: Config, pins: Mapping[str, str]) -> dict[str, str]:
    """The pins that name a policy and one of its uplinks."""
    policies = config.policies
    return {p: name for p, name in pins.items() if p in policies and name in policies[p].uplinks}


def _assumed_health(uplink: Uplink) -> UplinkHealth:
    """The health of an uplink without any data: up with a static address, else waiting."""
    static = uplink.addressing is Addressing.STATIC
    state = UplinkState.UP if static else UplinkState.WAITING
    return UplinkHealth(state=state, reason="", alive=static)


def _new_memory(settings: UplinkHealthSettings, at: float, known: UplinkHealth) -> UplinkMemory:
    state = UplinkState.UP if known.state is UplinkState.DEGRADED else known.state
    return UplinkMemory(
        settings=settings,
        state=state,
        since=at,
        addressed=state is not UplinkState.WAITING,
        no_address_reason=known.reason if state is UplinkState.WAITING else "",
        drained=state is UplinkState.DRAINED,
        responding=known.alive,
        silent_since=at,
        last_fault_at=at if not known.alive else LONG_AGO,
        fast_probe_budget_s=FAST_PROBE_BUDGET_S,
        targets=new_target_stats(settings),
        evidence=tuple(LossEvidence() for _ in settings.loss_limits),
        policy_tolerance=tuple(PolicyTolerance() for _ in settings.limits),
    )


def _carry_over(old: UplinkMemory | None, new: UplinkMemory) -> UplinkMemory:
    """The memory under new settings; another interface, address or interval is another line."""
    if old is None or _identity(old.settings) != _identity(new.settings):
        return new
    evidence = dict(zip(old.settings.loss_limits, old.evidence, strict=True))
    tolerances = {
        x.policy: s for x, s in zip(old.settings.limits, old.policy_tolerance, strict=True)
    }
    return replace(
        old,
        settings=new.settings,
        targets={target: old.targets.get(target, seen) for target, seen in new.targets.items()},
        outstanding=tuple(probe for probe in old.outstanding if probe.target in new.targets),
        evidence=tuple(evidence.get(loss, LossEvidence()) for loss in new.settings.loss_limits),
        policy_tolerance=tuple(
            tolerances.get(x.policy, PolicyTolerance()) for x in new.settings.limits
        ),
    )


def _identity(settings: UplinkHealthSettings) -> tuple[str, str, float]:
    return settings.interface, settings.addressing, settings.interval_s
