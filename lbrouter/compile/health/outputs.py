"""Outputs of the health state: `GatewayHealth`, changes for the log, readings, deadlines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.condition import NEXTHOP_MEMORY_S, is_alive, recovery_delay_s
from lbrouter.compile.health.full_size import full_size_interval_s
from lbrouter.compile.health.line_health import uplink_health
from lbrouter.compile.health.measures import (
    UplinkReadings,
    milliseconds,
    percent,
    self_congested_rtt_s,
    window_measures,
)
from lbrouter.compile.health.probe_pacing import next_probe_interval_s
from lbrouter.compile.health.silence import down_after_s, down_at, suspect_at, timeout_at
from lbrouter.compile.health.state import HealthState, LineKey, is_last_resort
from lbrouter.compile.health.statistics.damping import remembered_faults
from lbrouter.compile.health.tolerance import policy_return_at
from lbrouter.compile.health.uplink_memory import LONG_AGO, UplinkMemory
from lbrouter.model.config import Config
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import Message

MIN_TICK_DELAY_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkChange:
    """One uplink's change: of its state, or of the policies that avoid it.

    With a `family` it is that family's alone: the uplink's own state, the better one, stays.
    """

    at: float
    uplink: str
    family: AddressFamily | None
    before: UplinkState
    after: UplinkState
    why: Message
    left: frozenset[str]
    """Policies that left with this change."""
    returned: frozenset[str]


def current_health(state: HealthState, config: Config) -> GatewayHealth:
    """The health for `desired_state`. Reasons count seconds: compare by `is_equivalent`."""
    return GatewayHealth(
        uplinks={
            name: uplink_health(state, name) for name in config.uplinks if name in state.uplinks
        },
        pins=dict(state.pins),
    )


def is_equivalent(one: GatewayHealth, other: GatewayHealth) -> bool:
    """Whether both lead to the same state of the kernel."""
    return one.pins == other.pins and _kernel_relevant(one) == _kernel_relevant(other)


def _kernel_relevant(known: GatewayHealth) -> dict[str, object]:
    return {
        name: (
            _family_facts(each),
            (each.carrier, each.drained, each.move_flows),
            {family: _family_facts(own) for family, own in each.families.items()},
        )
        for name, each in known.uplinks.items()
    }


def _family_facts(
    known: UplinkHealth | FamilyHealth,
) -> tuple[UplinkState, frozenset[str], bool, float, float]:
    return (
        known.state,
        known.excluded_policies,
        known.alive,
        known.badness,
        known.recent_loss,
    )


def uplink_changes(before: HealthState, after: HealthState) -> tuple[UplinkChange, ...]:
    """What changed between two moments, for the log: uplinks, and families that differ from it."""
    old, new = current_health(before, before.config), current_health(after, after.config)
    found: list[UplinkChange] = []
    for name, now in new.uplinks.items():
        was = old.uplinks.get(name)
        if was is None:
            continue
        own = _change(after.at, name, None, was, now)
        found += [own] if own is not None else list(_family_changes(after.at, name, was, now))
    return tuple(found)


def _family_changes(
    at: float, name: str, was: UplinkHealth, now: UplinkHealth
) -> Iterator[UplinkChange]:
    """Changes of a single family, while the uplink's own state stays as it is."""
    for family, each in now.families.items():
        before = was.families.get(family)
        change = None if before is None else _change(at, name, family, before, each)
        if change is not None:
            yield change


def _change(
    at: float,
    name: str,
    family: AddressFamily | None,
    was: UplinkHealth | FamilyHealth,
    now: UplinkHealth | FamilyHealth,
) -> UplinkChange | None:
    if (was.state, was.excluded_policies) == (now.state, now.excluded_policies):
        return None
    return UplinkChange(
        at=at,
        uplink=name,
        family=family,
        before=was.state,
        after=now.state,
        why=now.why,
        left=now.excluded_policies - was.excluded_policies,
        returned=was.excluded_policies - now.excluded_policies,
    )


def uplink_readings(state: HealthState, uplink: str) -> UplinkReadings:
    """One uplink in figures. Raises KeyError for an uplink that is not in the configuration.

    A line that is out of use because it is dead has no round trip, whatever it was before.
    """
    line, at = state.best_family(uplink), state.at
    found = window_measures(line, at)
    rtt_s = self_congested_rtt_s(line, at) if found.rtt_s is None else found.rtt_s
    lives = is_alive(line) and line.state is not UplinkState.WAITING
    return UplinkReadings(
        rtt_ms=milliseconds(rtt_s) if lives else None,
        jitter_ms=milliseconds(found.jitter_s) if lives else None,
        loss_percent=percent(found.middle.loss),
        loss_1s_percent=percent(found.short.loss),
        loss_30s_percent=percent(found.long.loss),
        last_answer_ago_s=None if line.last_answer_at is None else at - line.last_answer_at,
        since=line.since,
        faults=remembered_faults(line.flap_penalty, at),
    )


def probe_interval_s(
    state: HealthState, uplink: str, family: AddressFamily = AddressFamily.V4
) -> float:
    """Seconds between two probes of `family` of `uplink` now. It may be less after the next event.

    Raises KeyError for a line that is not in the configuration.
    """
    return next_probe_interval_s(state.lines[uplink, family], state.at)


def full_size_probe_interval_s(state: HealthState, uplink: str, family: AddressFamily) -> float:
    """Seconds between two full-size probes of `family` of `uplink` now. Raises KeyError."""
    return full_size_interval_s(state.lines[uplink, family])


def next_deadline(state: HealthState) -> float | None:
    """The moment by which a `Tick` is due if nothing else happens before; None: never."""
    times = [time for key in state.lines for time in _deadlines(state, key)]
    return max(min(times), state.at + MIN_TICK_DELAY_S) if times else None


def _deadlines(state: HealthState, key: LineKey) -> Iterator[float]:
    line, at = state.lines[key], state.at
    yield from (probe.due for probe in line.outstanding if not probe.timed_out)
    if is_alive(line) or not line.judged:
        moments = [
            *_silence_moments(line, at),
            line.suspect_until,
            line.last_fault_at
            + recovery_delay_s(line, at, is_last_resort=is_last_resort(state, key)),
        ]
        moments += [
            back for each in line.policy_tolerance if (back := policy_return_at(each)) is not None
        ]
        yield from (moment for moment in moments if moment > at)
    elif line.nexthop_seen_at > LONG_AGO:
        ends_at = line.nexthop_seen_at + NEXTHOP_MEMORY_S
        yield from (moment for moment in (ends_at,) if moment > at)


def _silence_moments(line: UplinkMemory, at: float) -> Iterator[float]:
    if line.consecutive_losses:
        yield from (suspect_at(line, at), down_at(line, at), timeout_at(line))
        yield line.last_reply_at + down_after_s(line, at)
