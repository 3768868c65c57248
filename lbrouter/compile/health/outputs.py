"""What the brain tells others: `Health` for the compiler, changes for the log, readings, times."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.condition import alive, left, portal, proof_s, suspected
from lbrouter.compile.health.damping import faults
from lbrouter.compile.health.machine import Brain, lonely, usable
from lbrouter.compile.health.measures import (
    Readings,
    crowded_rtt_s,
    measures,
    milliseconds,
    percent,
)
from lbrouter.compile.health.probe_pacing import pace_s
from lbrouter.compile.health.reasons import reason
from lbrouter.compile.health.silence import ANYWAY, down_after_s, suspect_after_s
from lbrouter.compile.health.tolerance import back_at
from lbrouter.model.config import Config
from lbrouter.model.health import Health, UplinkHealth, UplinkState

SOON_S: Final = 0.02
SUSPECT_BADNESS: Final = 100.0
"""A silent uplink is worse than one that loses every packet but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One uplink's change: of its state, or of the policies that are out of it."""

    at: float
    uplink: str
    before: UplinkState
    after: UplinkState
    reason: str
    left: frozenset[str]
    """Policies that left with this change."""
    returned: frozenset[str]


def health(brain: Brain, config: Config) -> Health:
    """What `desired_state` takes. Reasons count seconds: `same` tells whether there is news."""
    return Health(
        uplinks={name: _uplink(brain, name) for name in config.uplinks if name in brain.lines},
        pins=dict(brain.pins),
    )


def same(one: Health, other: Health) -> bool:
    """Whether both lead to the same state of the kernel."""
    return (one.pins, one.limits) == (other.pins, other.limits) and _essence(one) == _essence(other)


def _essence(known: Health) -> dict[str, tuple[UplinkState, frozenset[str], bool, float]]:
    return {n: (x.state, x.left, x.alive, x.badness) for n, x in known.uplinks.items()}


def _uplink(brain: Brain, name: str) -> UplinkHealth:
    line = brain.lines[name]
    suspect = suspected(line, brain.at)
    return UplinkHealth(
        state=line.state,
        reason=reason(line, brain.at, lonely=lonely(brain, name)),
        left=_left(brain, name) if line.state is UplinkState.DEGRADED else frozenset(),
        alive=alive(line),
        badness=line.badness + (SUSPECT_BADNESS if suspect else 0.0),
    )


def _left(brain: Brain, name: str) -> frozenset[str]:
    """Policies that avoid a degraded uplink: for a suspicion only those with another fit one."""
    line = brain.lines[name]
    own = frozenset(line.settings.policies)
    if portal(line) is not None:
        return own
    if not suspected(line, brain.at):
        return left(line)
    return left(line) | {policy for policy in own if _fit_elsewhere(brain, name, policy)}


def _fit_elsewhere(brain: Brain, name: str, policy: str) -> bool:
    return any(
        usable(line, policy) and not suspected(line, brain.at) and portal(line) is None
        for other, line in brain.lines.items()
        if other != name
    )


def changes(before: Brain, after: Brain) -> tuple[Change, ...]:
    """What a person would be told happened between two moments."""
    old, new = health(before, before.config), health(after, after.config)
    return tuple(
        Change(
            at=after.at, uplink=name, before=was.state, after=now.state, reason=now.reason,
            left=now.left - was.left, returned=was.left - now.left,
        )
        for name, now in new.uplinks.items()
        if (was := old.uplinks.get(name)) is not None
        and (was.state, was.left) != (now.state, now.left)
    )  # fmt: skip


def readings(brain: Brain, uplink: str) -> Readings:
    """One uplink in figures. Raises KeyError for an uplink that is not in the configuration."""
    line, at = brain.lines[uplink], brain.at
    found = measures(line, at)
    rtt_s = crowded_rtt_s(line, at) if found.rtt_s is None else found.rtt_s
    return Readings(
        rtt_ms=milliseconds(rtt_s),
        jitter_ms=milliseconds(found.jitter_s),
        loss_percent=percent(found.middle.loss),
        loss_1s_percent=percent(found.short.loss),
        loss_30s_percent=percent(found.long.loss),
        heard_ago_s=None if line.heard_at is None else at - line.heard_at,
        since=line.since,
        faults=faults(line.flaps, at),
    )


def pace(brain: Brain, uplink: str) -> float:
    """Seconds between two probes of `uplink` now. It may be less after the next event.

    Raises KeyError for an uplink that is not in the configuration.
    """
    return pace_s(brain.lines[uplink], brain.at)


def next_deadline(brain: Brain) -> float | None:
    """The moment by which a `Tick` is due if nothing else happens before; None: never."""
    times = [time for name in brain.lines for time in _times(brain, name)]
    return max(min(times), brain.at + SOON_S) if times else None


def _times(brain: Brain, name: str) -> Iterator[float]:
    line, at = brain.lines[name], brain.at
    yield from (probe.due for probe in line.pending if not probe.judged)
    if alive(line):
        quiet = line.quiet_from
        limit_s = down_after_s(line, at)
        spans = (suspect_after_s(line, at), limit_s, ANYWAY * limit_s) if line.run else ()
        moments = [quiet + span for span in spans]
        moments += [line.replied_at + limit_s] if line.run else []
        moments += [line.trusted_at, line.fault_at + proof_s(line, at, lonely=lonely(brain, name))]
        moments += [back for each in line.standings if (back := back_at(each)) is not None]
        yield from (moment for moment in moments if moment > at)
