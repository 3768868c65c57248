"""The step of the health state: from one event to the next state. Pure, for every event."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from lbrouter.compile.health import probe_accounting
from lbrouter.compile.health.carry_over import carried_lines, new_names
from lbrouter.compile.health.condition import evaluate_uplink
from lbrouter.compile.health.full_size import on_full_size_probed
from lbrouter.compile.health.initial_memory import initial_lines
from lbrouter.compile.health.silence import on_process_delay
from lbrouter.compile.health.state import HealthState, LineKey, is_last_resort
from lbrouter.compile.health.uplink_memory import LONG_AGO, UplinkMemory, with_silence_from
from lbrouter.model.config import Config
from lbrouter.model.events import (
    AddressingChanged,
    CarrierChanged,
    Drain,
    FullSizeProbed,
    HealthEvent,
    NexthopSeen,
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
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily

SELF_CONGESTION_HOLD_S: Final = 1.0
"""After our queue was full its probes are still on their way."""

FamilyEvent = ProbeSent | ProbeAnswered | ProbeLost | FullSizeProbed | NexthopSeen | RepliesSeen
"""What concerns one family of an uplink."""
Notice = NexthopSeen | RepliesSeen | QueueFull | CarrierChanged | AddressingChanged
"""What is seen of a line beside probes."""
UplinkEvent = FamilyEvent | Notice | Drain | Restore


def initial_state(config: Config, at: float, known: GatewayHealth | None = None) -> HealthState:
    """The state at the start, from what is `known`: a first look, or the saved health."""
    health = known or GatewayHealth()
    state = HealthState(
        at=at,
        config=config,
        lines=initial_lines(config, at, health),
        pins=_valid_pins(config, health.pins),
    )
    return _with_followers(state)


def reconfigure(state: HealthState, config: Config, at: float) -> HealthState:
    """The state under another configuration: what is known of a line that stays is kept."""
    return succeed(state, initial_state(config, at), at)


def succeed(before: HealthState, state: HealthState, at: float) -> HealthState:
    """`state`, of another file, with what is known by now of the lines that `before` has too."""
    names = new_names(before.lines, state.lines)
    pins = {policy: names.get(uplink, uplink) for policy, uplink in before.pins.items()}
    carried = replace(
        state,
        at=max(at, state.at),
        lines=carried_lines(before.lines, state.lines),
        pins=_valid_pins(state.config, pins),
        answered_targets=before.answered_targets,
    )
    return _with_followers(carried)


def resumed(state: HealthState, at: float) -> HealthState:
    """The state after a time in which its events went elsewhere: that was no silence of a line."""
    return _on_each(
        state,
        lambda line: (
            replace(with_silence_from(line, at), outstanding=()) if line.responding else line
        ),
    )


def renamed_uplinks(state: HealthState, config: Config, at: float) -> dict[str, str]:
    """The uplinks of `state` that `config` has too, each with its name there."""
    return new_names(state.lines, initial_state(config, at).lines)


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
            delay_s = event.delay_s
            state = _on_each(state, lambda x: on_process_delay(x, at, delay_s))
            return _evaluate_all(_expire_probes(state))
        case Pin():
            pins = {other: name for other, name in state.pins.items() if other != event.policy}
            wanted = {} if event.uplink is None else {event.policy: event.uplink}
            return replace(state, pins={**pins, **_valid_pins(state.config, wanted)})
        case Restore():
            pins = {policy: name for policy, name in state.pins.items() if name != event.uplink}
            return _apply_uplink_event(replace(state, pins=pins), event)
        case _:
            return _apply_uplink_event(state, event)


def _apply_uplink_event(state: HealthState, event: UplinkEvent) -> HealthState:
    """The families that an event concerns; the others too, if it changed a state."""
    keys = [key for key in _concerned_lines(event) if key in state.lines]
    changed = False
    for key in keys:
        before = state.lines[key]
        # An answer that has arrived counts before its probe can expire.
        line = probe_accounting.expire_overdue(_update_memory(before, event, state.at), state.at)
        state = _with_line(state, key, line)
        line = evaluate_uplink(line, state.at, is_last_resort=is_last_resort(state, key))
        state = _with_line(state, key, line)
        changed = changed or line.state is not before.state
    if isinstance(event, ProbeAnswered):
        state, proven = _with_answered_target(state, event)
        changed = changed or proven
    return _evaluate_all(state) if changed else state


def _concerned_lines(event: UplinkEvent) -> Iterable[LineKey]:
    if isinstance(event, FamilyEvent):
        return ((event.uplink, event.family),)
    if isinstance(event, AddressingChanged) and event.family is not None:
        return ((event.uplink, event.family),)
    return ((event.uplink, family) for family in AddressFamily)


def _update_memory(line: UplinkMemory, event: UplinkEvent, at: float) -> UplinkMemory:
    match event:
        case ProbeSent():
            return probe_accounting.on_sent(line, event, at)
        case ProbeAnswered():
            return probe_accounting.on_answered(line, event, at)
        case ProbeLost():
            return probe_accounting.on_lost(line, event, at)
        case FullSizeProbed():
            return on_full_size_probed(line, event, at)
        case Drain():
            return replace(line, drained=True, move_flows=event.move_flows)
        case Restore():
            return replace(line, drained=False, move_flows=False)
        case _:
            return _update_by_notice(line, event, at)


def _update_by_notice(line: UplinkMemory, event: Notice, at: float) -> UplinkMemory:
    """The line after something that others saw of it: the kernel, counters, neighbours."""
    match event:
        case NexthopSeen():
            return replace(line, nexthop_seen_at=at)
        case RepliesSeen():
            return replace(line, last_reply_at=at)
        case QueueFull():
            # Each direction by itself; for a moment after it was full, probes are
            # still on their way.
            until = at + SELF_CONGESTION_HOLD_S
            upload_ends = line.upload_full and not event.upload
            download_ends = line.download_full and not event.download
            return replace(
                line,
                upload_full=event.upload,
                upload_full_until=until if upload_ends else line.upload_full_until,
                download_full=event.download,
                download_full_until=until if download_ends else line.download_full_until,
            )
        case CarrierChanged(at=seen_at, up=True) if seen_at < line.link_lost_at:
            return line
        case CarrierChanged():
            same = line.carrier is event.up
            line = line if same else _on_link_change(line, at, restored=event.up)
            return replace(line, carrier=event.up, present=event.up or event.present)
        case _:
            # An address that has just come is to be checked before anything is said
            # of it.
            if line.addressed is not event.ready:
                line = _on_link_change(line, at, restored=event.ready)
                line = replace(line, judged=not event.ready and not line.follows_other_family)
            return replace(line, addressed=event.ready, no_address_reason=event.reason)


def _on_link_change(line: UplinkMemory, at: float, *, restored: bool) -> UplinkMemory:
    """The line when its carrier or address went, or came: earlier answers count no more."""
    line = replace(
        with_silence_from(line, at),
        responding=False,
        suspect=False,
        was_late=False,
        nexthop_seen_at=LONG_AGO,
    )
    return line if restored else replace(line, link_lost_at=at)


def _with_answered_target(state: HealthState, event: ProbeAnswered) -> tuple[HealthState, bool]:
    """The state that knows that this target answers by some line; whether that is news."""
    key, target = (event.uplink, event.family), (event.family, event.target)
    line = state.lines.get(key)
    asked = line is not None and line.settings.implied and event.target in line.targets
    if not asked or target in state.answered_targets:
        return state, False
    known = state.answered_targets | {target}
    state = _with_followers(replace(state, answered_targets=known))
    line = state.lines[key]  # it followed until now: this answer is the first to judge it
    return _with_line(state, key, replace(line, judged=line.last_answer_at == state.at)), True


def _with_followers(state: HealthState) -> HealthState:
    """Each line marked, whether a target of its family is known to answer at all."""
    lines = {key: _marked(state, key, line) for key, line in state.lines.items()}
    return replace(state, lines=lines)


def _marked(state: HealthState, key: LineKey, line: UplinkMemory) -> UplinkMemory:
    known = any((key[1], target) in state.answered_targets for target in line.targets)
    follows = line.settings.implied and not known
    return replace(line, follows_other_family=follows, judged=line.judged and not follows)


def _on_each(state: HealthState, change: Callable[[UplinkMemory], UplinkMemory]) -> HealthState:
    return replace(state, lines={key: change(line) for key, line in state.lines.items()})


def _with_line(state: HealthState, key: LineKey, line: UplinkMemory) -> HealthState:
    return replace(state, lines={**state.lines, key: line})


def _expire_probes(state: HealthState) -> HealthState:
    return _on_each(state, lambda line: probe_accounting.expire_overdue(line, state.at))


def _evaluate_all(state: HealthState) -> HealthState:
    lines = {
        key: evaluate_uplink(line, state.at, is_last_resort=is_last_resort(state, key))
        for key, line in state.lines.items()
    }
    return replace(state, lines=lines)


def _valid_pins(config: Config, pins: Mapping[str, str]) -> dict[str, str]:
    """The pins that name a policy and one of its uplinks."""
    policies = config.policies
    return {p: name for p, name in pins.items() if p in policies and name in policies[p].uplinks}
