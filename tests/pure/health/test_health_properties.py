"""The health state machine under random events: total, deterministic, bounded, consistent."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.health import (
    HealthState,
    current_health,
    initial_state,
    is_equivalent,
    next_deadline,
    probe_interval_s,
    reconfigure,
    step,
    uplink_changes,
    uplink_readings,
)
from lbrouter.compile.health.probe_accounting import MAX_OUTSTANDING_PROBES
from lbrouter.compile.health.saved_memory import restored_state, saved_memory
from lbrouter.compile.health.statistics.windows import MAX_BUCKETS
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
    ProbeFailure,
    ProbeLost,
    ProbeSent,
    ProcessDelayed,
    QueueFull,
    RepliesSeen,
    Restore,
    Tick,
)
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ReasonCode
from tests.kit.dual_stack import dual_config
from tests.kit.health_simulation import TARGETS, TWO_POLICIES, TWO_UPLINKS, simulation_config

STRICT_POLICY = (
    TWO_POLICIES.replace("2%", "0%").replace("150ms", "1ms")
    + '\n[policies.none]\nmode = "failover"\nuplinks = ["lte"]\n'
)
CONFIGS = (
    simulation_config(),
    simulation_config(
        text=TWO_UPLINKS + STRICT_POLICY,
        health='targets = ["https://a.example/", "icmp://1.1.1.1"]',
    ),
    simulation_config(
        text=TWO_UPLINKS + STRICT_POLICY,
        health='interval = "1m"\ndown_after = "2m"\nup_after = "0s"',
    ),
    dual_config(),
    dual_config(health=""),
)
UPLINKS = st.sampled_from(["fiber", "lte", "nobody"])
TWINS = ("icmp://[2606:4700:4700::1111]", "icmp://[2001:db8:9::9]")
TARGET = st.sampled_from([*TARGETS, *TWINS, "https://a.example/", "icmp://192.0.2.9"])
FAMILY = st.sampled_from(AddressFamily)
STEPS = st.one_of(st.floats(0, 0.3), st.floats(-10, 1000), st.sampled_from([0.0, 0.025, 0.2, 1e9]))
RTT = st.one_of(st.floats(0, 0.5), st.floats(-5, 1e6))


@st.composite
def event_sequences(draw: st.DrawFn) -> list[HealthEvent]:
    """Events in the order of their arrival, with times that may go back and matching probes."""
    at, sent, events = draw(st.floats(0, 1e6)), [], []
    for _ in range(draw(st.integers(0, 60))):
        at = max(at + draw(STEPS), 0.0)
        events.append(draw(event_at(at, sent)))
        if isinstance(events[-1], ProbeSent):
            sent.append(events[-1])
    return events


@st.composite
def event_at(draw: st.DrawFn, at: float, sent: list[ProbeSent]) -> HealthEvent:
    uplink, flag = draw(UPLINKS), draw(st.booleans())
    probe = draw(st.sampled_from(sent)) if sent else ProbeSent(at=1.0, uplink="fiber", target="x")
    family, target = draw(FAMILY), draw(TARGET)
    which = {
        "at": at, "uplink": probe.uplink, "target": probe.target, "sent_at": probe.at,
        "family": probe.family,
    }  # fmt: skip
    return draw(
        st.one_of(
            TARGET.map(lambda t: ProbeSent(at=at, uplink=uplink, target=t, family=family)),
            RTT.map(lambda rtt_s: ProbeAnswered(**which, rtt_s=rtt_s)),
            st.sampled_from(ProbeFailure).map(lambda reason: ProbeLost(**which, reason=reason)),
            st.sampled_from(
                [
                    CarrierChanged(at=at, uplink=uplink, up=flag),
                    CarrierChanged(at=at, uplink=uplink, up=False, present=flag),
                    AddressingChanged(at=at, uplink=uplink, ready=flag),
                    AddressingChanged(at=at, uplink=uplink, ready=flag, family=family),
                    FullSizeProbed(
                        at=at,
                        uplink=uplink,
                        target=target,
                        size_bytes=1500,
                        answered=flag,
                        family=family,
                    ),
                    NexthopSeen(at=at, uplink=uplink, family=family),
                    QueueFull(at=at, uplink=uplink, upload=flag, download=not flag),
                    RepliesSeen(at=at, uplink=uplink, family=family),
                    Drain(at=at, uplink=uplink, move_flows=flag),
                    Restore(at=at, uplink=uplink),
                    Tick(at=at),
                    Pin(at=at, policy="show", uplink=uplink if flag else None),
                    ProcessDelayed(at=at, delay_s=draw(st.floats(0, 100))),
                ]
            ),
        )
    )


def states_after_each(config: Config, events: list[HealthEvent]) -> Iterator[HealthState]:
    state = initial_state(config, 0.0)
    for event in events:
        state = step(state, event, config)
        yield state


def value_count(thing: object) -> int:
    """The number of values that it consists of."""
    if is_dataclass(thing):
        return sum(value_count(getattr(thing, each.name)) for each in fields(thing))
    if isinstance(thing, tuple | frozenset):
        return sum(value_count(each) for each in thing)
    return sum(value_count(each) for each in thing.values()) if isinstance(thing, dict) else 1


@given(st.sampled_from(CONFIGS), event_sequences())
@settings(max_examples=60, deadline=None)
def test_nothing_that_happens_raises_or_contradicts(
    config: Config, events: list[HealthEvent]
) -> None:
    before = initial_state(config, 0.0)
    for state in states_after_each(config, events):
        known = current_health(state, config)
        assert set(known.uplinks) == {"fiber", "lte"}
        for name, uplink in known.uplinks.items():
            assert uplink.reason
            assert (not uplink.excluded_policies) or uplink.state is UplinkState.DEGRADED
            assert uplink.alive or uplink.state not in (UplinkState.UP, UplinkState.DEGRADED)
            assert uplink.families and uplink.state in {x.state for x in uplink.families.values()}
            for family in uplink.families.values():
                assert family.reason and family.reason_code in set(ReasonCode)
                in_use = family.state in (UplinkState.UP, UplinkState.DEGRADED)
                assert family.alive or not in_use
                assert not family.excluded_policies or family.state is UplinkState.DEGRADED
                assert not (uplink.drained and in_use), "drained while it lives, else down"
                assert family.state is not UplinkState.DRAINED or uplink.drained
            assert 0 <= (uplink_readings(state, name).loss_percent or 0) <= 100
            for family, line in state.families_of(name):
                assert 0 < probe_interval_s(state, name, family) <= line.settings.interval_s
        deadline = next_deadline(state)
        assert deadline is None or deadline >= state.at
        assert (
            is_equivalent(known, current_health(before, config))
            or uplink_changes(before, state)
            or known != before
        )
        assert state.at >= before.at
        before = state


@given(st.sampled_from(CONFIGS), event_sequences())
@settings(max_examples=30, deadline=None)
def test_the_same_events_give_the_same_state(config: Config, events: list[HealthEvent]) -> None:
    assert list(states_after_each(config, events)) == list(states_after_each(config, events))


@given(event_sequences())
@settings(max_examples=30, deadline=None)
def test_repeated_events_change_nothing_but_the_time(events: list[HealthEvent]) -> None:
    """Carriers, addresses and overrides are levels: reported again they change only the time."""
    levels = (CarrierChanged, AddressingChanged, Drain, Restore, Tick)
    config = CONFIGS[0]
    state = initial_state(config, 0.0)
    for event in events:
        state = step(state, event, config)
        if isinstance(event, levels):
            again = step(state, replace(event, at=state.at), config)
            assert is_equivalent(current_health(again, config), current_health(state, config))


@given(st.sampled_from(CONFIGS), event_sequences())
@settings(max_examples=40, deadline=None)
def test_a_restart_and_a_rename_lose_nothing(config: Config, events: list[HealthEvent]) -> None:
    """Whatever happened: the next daemon, and a file with another name, know the same."""
    state = initial_state(config, 0.0)
    for state in states_after_each(config, events):  # noqa: B007  -- the last one counts
        pass
    before = {line.settings.identity: line for line in state.lines.values()}
    document = json.loads(json.dumps(saved_memory(state)))
    restarted = restored_state(config, state.at, document, current_health(state, config))
    renamed = renamed_config(config)
    for after in (restarted, reconfigure(state, renamed, state.at)):
        assert after.answered_targets == state.answered_targets
        assert after.pins == {
            policy: after_name(after.config, uplink) for policy, uplink in state.pins.items()
        }
        for line in after.lines.values():
            old = before[line.settings.identity]
            for kept in KEPT:
                assert getattr(line, kept) == getattr(old, kept), kept


KEPT = (
    "state", "since", "judged", "follows_other_family", "carrier", "addressed", "drained",
    "move_flows", "responding", "suspect", "suspect_until", "suspect_penalty", "flap_penalty",
    "last_fault_at", "usual_loss", "evidence", "policy_tolerance", "is_black_hole", "badness",
)  # fmt: skip


def renamed_config(config: Config) -> Config:
    """The same lines, with `fiber` under another name."""
    fiber = config.uplinks["fiber"].model_copy()
    fiber.set_name("glass")
    policies = {
        name: policy.model_copy(
            update={"uplinks": tuple("glass" if x == "fiber" else x for x in policy.uplinks)}
        )
        for name, policy in config.policies.items()
    }
    return config.model_copy(
        update={"uplinks": {"glass": fiber, "lte": config.uplinks["lte"]}, "policies": policies}
    )


def after_name(config: Config, uplink: str) -> str:
    return uplink if uplink in config.uplinks else "glass"


def test_memory_is_bounded() -> None:
    config = CONFIGS[0]
    state = initial_state(config, 0.0)
    sizes = []
    for number in range(5_000):
        at = number * 0.002 if number < 2_000 else number * 0.05
        target = TARGETS[number % 4]
        state = step(state, ProbeSent(at=at, uplink="fiber", target=target), config)
        if number % 7 == 0:
            state = step(
                state,
                ProbeAnswered(at=at, uplink="fiber", target=target, sent_at=at, rtt_s=0.0),
                config,
            )
        if number % 500 == 499:
            sizes.append(value_count(state.best_family("fiber")))
    line = state.best_family("fiber")
    assert len(line.outstanding) <= MAX_OUTSTANDING_PROBES
    assert all(len(seen.window.buckets) <= MAX_BUCKETS for seen in line.targets.values())
    assert max(sizes) < 5 * MAX_OUTSTANDING_PROBES + len(TARGETS) * (5 * MAX_BUCKETS + 12) + 100
    assert sizes[-1] <= sizes[len(sizes) // 2] * 1.05
