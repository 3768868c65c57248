"""Outputs of the health state: `GatewayHealth`, changes for the log, readings, deadlines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.condition import (
    captive_portal_target,
    exceeded_policies,
    is_alive,
    is_suspect,
    recovery_delay_s,
)
from lbrouter.compile.health.damping import remembered_faults
from lbrouter.compile.health.machine import HealthState, is_last_resort, is_usable
from lbrouter.compile.health.measures import (
    UplinkReadings,
    milliseconds,
    percent,
    recent_loss_percent,
    self_congested_rtt_s,
    window_measures,
)
from lbrouter.compile.health.probe_pacing import next_probe_interval_s
from lbrouter.compile.health.reasons import reason_text
from lbrouter.compile.health.silence import SILENCE_TIMEOUT_FACTOR, down_after_s, suspect_after_s
from lbrouter.compile.health.tolerance import policy_return_at
from lbrouter.model.config import Config
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState

MIN_TICK_DELAY_S: Final = 0.02
SUSPECT_BADNESS: Final = 100.0
"""A silent uplink is worse than one that loses every packet but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkChange:
    """One uplink's change: of its state, or of the policies that avoid it."""

    at: float
    uplink: str
    before: UplinkState
    after: UplinkState
    reason: str
    left: frozenset[str]
    """Policies that left with this change."""
    returned: frozenset[str]


def current_health(state: HealthState, config: Config) -> GatewayHealth:
    """The health for `desired_state`. Reasons count seconds: compare by `is_equivalent`."""
    return GatewayHealth(
        uplinks={
            name: _uplink_health_of(state, name) for name in config.uplinks if name in state.uplinks
        },
        pins=dict(state.pins),
    )


def is_equivalent(one: GatewayHealth, other: GatewayHealth) -> bool:
    """Whether both lead to the same state of the kernel."""
    return (one.pins, one.limits) == (other.pins, other.limits) and _kernel_relevant(
        one
    ) == _kernel_relevant(other)


def _kernel_relevant(
    known: GatewayHealth,
) -> dict[str, tuple[UplinkState, frozenset[str], bool, float, float]]:
    return {
        n: (x.state, x.excluded_policies, x.alive, x.badness, x.recent_loss)
        for n, x in known.uplinks.items()
    }


def _uplink_health_of(state: HealthState, name: str) -> UplinkHealth:
    line = state.uplinks[name]
    suspect = is_suspect(line, state.at)
    return UplinkHealth(
        state=line.state,
        reason=reason_text(line, state.at, is_last_resort=is_last_resort(state, name)),
        excluded_policies=_avoiding_policies(state, name)
        if line.state is UplinkState.DEGRADED
        else frozenset(),
        alive=is_alive(line),
        badness=line.badness + (SUSPECT_BADNESS if suspect else 0.0),
        recent_loss=recent_loss_percent(line, state.at),
    )


def _avoiding_policies(state: HealthState, name: str) -> frozenset[str]:
    """Policies that avoid a degraded uplink: a suspect one only if another is fit."""
    line = state.uplinks[name]
    own = frozenset(line.settings.policies)
    if captive_portal_target(line) is not None:
        return own
    if not is_suspect(line, state.at):
        return exceeded_policies(line)
    return exceeded_policies(line) | {
        policy for policy in own if _has_other_fit_uplink(state, name, policy)
    }


def _has_other_fit_uplink(state: HealthState, name: str, policy: str) -> bool:
    return any(
        is_usable(line, policy)
        and not is_suspect(line, state.at)
        and captive_portal_target(line) is None
        for other, line in state.uplinks.items()
        if other != name
    )


def uplink_changes(before: HealthState, after: HealthState) -> tuple[UplinkChange, ...]:
    """What changed between two moments, for the log."""
    old, new = current_health(before, before.config), current_health(after, after.config)
    return tuple(
        UplinkChange(
            at=after.at,
            uplink=name,
            before=was.state,
            after=now.state,
            reason=now.reason,
            left=now.excluded_policies - was.excluded_policies,
            returned=was.excluded_policies - now.excluded_policies,
        )
        for name, now in new.uplinks.items()
        if (was := old.uplinks.get(name)) is not None
        and (was.state, was.excluded_policies) != (now.state, now.excluded_policies)
    )


def uplink_readings(state: HealthState, uplink: str) -> UplinkReadings:
    """One uplink in figures. Raises KeyError for an uplink that is not in the configuration."""
    line, at = state.uplinks[uplink], state.at
    found = window_measures(line, at)
    rtt_s = self_congested_rtt_s(line, at) if found.rtt_s is None else found.rtt_s
    return UplinkReadings(
        rtt_ms=milliseconds(rtt_s),
        jitter_ms=milliseconds(found.jitter_s),
        loss_percent=percent(found.middle.loss),
        loss_1s_percent=percent(found.short.loss),
        loss_30s_percent=percent(found.long.loss),
        last_answer_ago_s=None if line.last_answer_at is None else at - line.last_answer_at,
        since=line.since,
        faults=remembered_faults(line.flap_penalty, at),
    )


def probe_interval_s(state: HealthState, uplink: str) -> float:
    """Seconds between two probes of `uplink` now. It may be less after the next event.

    Raises KeyError for an uplink that is not in the configuration.
    """
    return next_probe_interval_s(state.uplinks[uplink], state.at)


def next_deadline(state: HealthState) -> float | None:
    """The moment by which a `Tick` is due if nothing else happens before; None: never."""
    times = [time for name in state.uplinks for time in _deadlines(state, name)]
    return max(min(times), state.at + MIN_TICK_DELAY_S) if times else None


def _deadlines(state: HealthState, name: str) -> Iterator[float]:
    line, at = state.uplinks[name], state.at
    yield from (probe.due for probe in line.outstanding if not probe.timed_out)
    if is_alive(line):
        quiet = line.silent_since
        limit_s = down_after_s(line, at)
        spans = (
            (suspect_after_s(line, at), limit_s, SILENCE_TIMEOUT_FACTOR * limit_s)
            if line.consecutive_losses
            else ()
        )
        moments = [quiet + span for span in spans]
        moments += [line.last_reply_at + limit_s] if line.consecutive_losses else []
        moments += [
            line.suspect_until,
            line.last_fault_at
            + recovery_delay_s(line, at, is_last_resort=is_last_resort(state, name)),
        ]
        moments += [
            back for each in line.policy_tolerance if (back := policy_return_at(each)) is not None
        ]
        yield from (moment for moment in moments if moment > at)
