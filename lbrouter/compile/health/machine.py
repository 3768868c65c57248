"""`Brain` and its step: from one event to the next memory. Pure, and total over all events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lbrouter.compile.health import probe_accounting
from lbrouter.compile.health.condition import IN_USE, left, settled
from lbrouter.compile.health.loss_test import Evidence
from lbrouter.compile.health.probe_pacing import CREDIT_S
from lbrouter.compile.health.settings import Settings, settings_of
from lbrouter.compile.health.uplink_memory import LONG_AGO, Line, Standing, fresh_seen
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.events import (
    Addressed,
    Carrier,
    Drain,
    Event,
    Late,
    Pin,
    ProbeAnswered,
    ProbeLost,
    ProbeSent,
    QueueFull,
    Replied,
    Restore,
    Tick,
)
from lbrouter.model.health import Health, UplinkHealth, UplinkState

SHADE_S = 1.0
"""After our queue was full its probes are still on their way."""

LineEvent = (
    ProbeSent | ProbeAnswered | ProbeLost | Carrier | Addressed | QueueFull | Replied | Drain
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """All that is remembered, at one moment of the monotonic clock."""

    at: float
    config: Config
    lines: Mapping[str, Line] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)


def begin(config: Config, at: float, known: Health | None = None) -> Brain:
    """A brain that has seen nothing yet, but for what is `known`: a first look, or its last word.

    An uplink that is known to work is trusted until probes say otherwise: a restart moves nothing.
    """
    health = known or Health()
    lines = {
        name: _first(settings_of(config, uplink), at, health.uplinks.get(name) or _guess(uplink))
        for name, uplink in config.uplinks.items()
    }
    return Brain(at=at, config=config, lines=lines, pins=_valid(config, health.pins))


def renew(brain: Brain, config: Config, at: float) -> Brain:
    """The brain under another configuration: what is known of uplinks that stay is kept."""
    fresh = begin(config, at)
    lines = {name: _kept(brain.lines.get(name), line) for name, line in fresh.lines.items()}
    return replace(fresh, lines=lines, pins=_valid(config, brain.pins))


def step(brain: Brain, event: Event, config: Config) -> Brain:
    """The brain after `event`. Names that nobody knows change nothing but the time."""
    at = max(brain.at, event.at)
    if config is not brain.config:
        brain = renew(brain, config, at)
    brain = replace(brain, at=at)
    match event:
        case Tick():
            return _all_settled(_aged(brain))
        case Late():
            lines = {n: probe_accounting.excused(x, at, event.by_s) for n, x in brain.lines.items()}
            return _all_settled(_aged(replace(brain, lines=lines)))
        case Pin():
            return _pinned(brain, event.policy, event.uplink)
        case Restore():
            pins = {policy: name for policy, name in brain.pins.items() if name != event.uplink}
            return _felt(replace(brain, pins=pins), event.uplink, event)
        case _:
            return _felt(brain, event.uplink, event)


def _felt(brain: Brain, name: str, event: LineEvent | Restore) -> Brain:
    """One uplink after its event; the others too, if it changed its state."""
    line = brain.lines.get(name)
    if line is None:
        return brain
    # An answer that is here is here, whatever its probe's time was: it is taken before the clock.
    line = probe_accounting.overdue(_affected(line, event, brain.at), brain.at)
    line = settled(line, brain.at, lonely=lonely(brain, name))
    changed = line.state is not brain.lines[name].state
    brain = replace(brain, lines={**brain.lines, name: line})
    return _all_settled(brain) if changed else brain


def _affected(line: Line, event: LineEvent | Restore, at: float) -> Line:
    match event:
        case ProbeSent():
            return probe_accounting.sent(line, event, at)
        case ProbeAnswered():
            return probe_accounting.answered(line, event, at)
        case ProbeLost():
            return probe_accounting.lost(line, event, at)
        case Carrier():
            line = line if line.carrier is event.up else _turned(line, at, sound=event.up)
            return replace(line, carrier=event.up)
        case Addressed():
            line = line if line.addressed is event.ready else _turned(line, at, sound=event.ready)
            return replace(line, addressed=event.ready, lacks=event.reason)
        case QueueFull():
            until = at + SHADE_S if line.full and not event.full else line.shaded_until
            return replace(line, full=event.full, shaded_until=until)
        case Replied():
            return replace(line, replied_at=at)
        case _:
            return replace(line, drained=isinstance(event, Drain))


def _turned(line: Line, at: float, *, sound: bool) -> Line:
    """The line when its carrier or address went, or came: what was heard before counts no more."""
    line = replace(line, run=0, quiet_from=at, heard=False, suspect=False)
    return line if sound else replace(line, broke_at=at)


def _aged(brain: Brain) -> Brain:
    lines = {name: probe_accounting.overdue(line, brain.at) for name, line in brain.lines.items()}
    return replace(brain, lines=lines)


def _all_settled(brain: Brain) -> Brain:
    lines = {
        name: settled(line, brain.at, lonely=lonely(brain, name))
        for name, line in brain.lines.items()
    }
    return replace(brain, lines=lines)


def lonely(brain: Brain, name: str) -> bool:
    """Whether this uplink is out of use and some policy of it has no usable one."""
    return brain.lines[name].state not in IN_USE and any(
        not any(usable(line, policy) for other, line in brain.lines.items() if other != name)
        for policy in brain.lines[name].settings.policies
    )


def usable(line: Line, policy: str) -> bool:
    """Whether the uplink can carry new flows of a policy that lists it."""
    listed = policy in line.settings.policies
    return listed and line.state in IN_USE and policy not in left(line)


def _pinned(brain: Brain, policy: str, uplink: str | None) -> Brain:
    pins = {other: name for other, name in brain.pins.items() if other != policy}
    wanted = {} if uplink is None else {policy: uplink}
    return replace(brain, pins={**pins, **_valid(brain.config, wanted)})


def _valid(config: Config, pins: Mapping[str, str]) -> dict[str, str]:
    """The pins that name a policy and one of its uplinks."""
    policies = config.policies
    return {p: name for p, name in pins.items() if p in policies and name in policies[p].uplinks}


def _guess(uplink: Uplink) -> UplinkHealth:
    """What is assumed of an uplink of which nothing is known: a static address is a start."""
    static = uplink.addressing is Addressing.STATIC
    state = UplinkState.UP if static else UplinkState.WAITING
    return UplinkHealth(state=state, reason="", alive=static)


def _first(settings: Settings, at: float, known: UplinkHealth) -> Line:
    state = UplinkState.UP if known.state is UplinkState.DEGRADED else known.state
    return Line(
        settings=settings,
        state=state,
        since=at,
        addressed=state is not UplinkState.WAITING,
        lacks=known.reason if state is UplinkState.WAITING else "",
        drained=state is UplinkState.DRAINED,
        heard=known.alive,
        quiet_from=at,
        fault_at=at if not known.alive else LONG_AGO,
        credit_s=CREDIT_S,
        seen=fresh_seen(settings),
        evidence=tuple(Evidence() for _ in settings.losses),
        standings=tuple(Standing() for _ in settings.limits),
    )


def _kept(old: Line | None, new: Line) -> Line:
    """The line under new settings; another interface, address or interval is another line."""
    if old is None or _nature(old.settings) != _nature(new.settings):
        return new
    evidence = dict(zip(old.settings.losses, old.evidence, strict=True))
    standing = {x.policy: s for x, s in zip(old.settings.limits, old.standings, strict=True)}
    return replace(
        old,
        settings=new.settings,
        seen={target: old.seen.get(target, seen) for target, seen in new.seen.items()},
        pending=tuple(probe for probe in old.pending if probe.target in new.seen),
        evidence=tuple(evidence.get(loss, Evidence()) for loss in new.settings.losses),
        standings=tuple(standing.get(x.policy, Standing()) for x in new.settings.limits),
    )


def _nature(settings: Settings) -> tuple[str, str, float]:
    return settings.interface, settings.addressing, settings.interval_s
