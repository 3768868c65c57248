"""Single events and what they do: cables, addresses, orders, odd answers, our own faults."""

import pytest

from lbrouter.compile.health import (
    current_health,
    initial_state,
    is_equivalent,
    probe_interval_s,
    reconfigure,
    step,
    uplink_changes,
    uplink_readings,
)
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.model.config import Config
from lbrouter.model.events import (
    AddressingChanged,
    CarrierChanged,
    Drain,
    HealthEvent,
    Pin,
    ProbeAnswered,
    ProbeFailure,
    ProbeLost,
    ProbeSent,
    ProcessDelayed,
    QueueFull,
    Restore,
    Tick,
)
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from tests.kit.builders import facts_of
from tests.kit.health_simulation import (
    ONE_UPLINK,
    TARGETS,
    TWO_POLICIES,
    TWO_UPLINKS,
    HealthSimulation,
    simulate,
    simulation_config,
)

WAITING, UP, DEGRADED, DOWN, DRAINED = UplinkState
PAGE_TARGETS = 'targets = ["https://a.example/", "http://b.example/", "icmp://1.1.1.1"]'


def fiber_health(lab: HealthSimulation) -> UplinkHealth:
    return lab.health.uplinks["fiber"]


def run_events(
    lab: HealthSimulation, *events: HealthEvent, until: float | None = None
) -> HealthSimulation:
    """The lab when the events have happened, and what its probers did meanwhile."""
    for event in events:
        lab.schedule(event.at, event)
    lab.run(until if until is not None else max(event.at for event in events))
    return lab


def test_a_lost_carrier_is_down_at_once_and_comes_back_after_up_after() -> None:
    lab = simulate()
    lab.run(5)
    run_events(lab, CarrierChanged(at=5.5, uplink="fiber", up=False))
    assert (fiber_health(lab).state, fiber_health(lab).alive) == (DOWN, False)
    assert fiber_health(lab).reason == "no carrier on wan1"
    lab.paths["fiber"].dead = lambda at, _: at < 8
    run_events(lab, CarrierChanged(at=7.0, uplink="fiber", up=True), until=7.5)
    assert fiber_health(lab).reason == "no answer on 4 targets for 0.3 s"
    back = lab.first_time_when(40, lambda h: h.uplinks["fiber"].state is UP)
    assert back == pytest.approx(18.1, abs=0.2)


def test_an_answer_from_before_the_break_proves_nothing() -> None:
    config = simulation_config()
    brain = initial_state(config, 0.0)
    for event in (
        ProbeSent(at=1.0, uplink="fiber", target=TARGETS[0]),
        CarrierChanged(at=1.01, uplink="fiber", up=False),
        ProbeAnswered(at=1.02, uplink="fiber", target=TARGETS[0], sent_at=1.0, rtt_s=0.02),
    ):
        brain = step(brain, event, config)
    assert not brain.uplinks["fiber"].carrier
    for event in (
        ProbeSent(at=2.0, uplink="fiber", target=TARGETS[0]),
        ProbeAnswered(at=2.02, uplink="fiber", target=TARGETS[0], sent_at=2.0, rtt_s=0.02),
    ):
        brain = step(brain, event, config)
    assert brain.uplinks["fiber"].carrier, "a probe that went and came needs a cable"


def test_a_lost_address_is_waiting_and_says_what_lacks() -> None:
    lab = run_events(
        simulate(), AddressingChanged(at=3.0, uplink="fiber", ready=False, reason="lease is over")
    )
    assert (fiber_health(lab).state, fiber_health(lab).reason) == (WAITING, "lease is over")
    run_events(lab, AddressingChanged(at=3.0, uplink="fiber", ready=False))
    assert fiber_health(lab).reason == "no address yet (static) on wan1"
    lab.run(8)
    assert fiber_health(lab).state is DOWN
    assert fiber_health(lab).reason == "answers again for 5.0 s; back after 10 s without fault"
    lab.run(14)
    assert (fiber_health(lab).state, fiber_health(lab).reason) == (UP, "4 of 4 targets answer")


def test_drain_and_restore() -> None:
    lab = run_events(
        simulate(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="fiber")
    )
    assert (fiber_health(lab).state, fiber_health(lab).reason, fiber_health(lab).alive) == (
        DRAINED, "drained by hand", True,
    )  # fmt: skip
    assert lab.health.pins == {"show": "fiber"}
    run_events(lab, Restore(at=4.0, uplink="fiber"))
    assert (fiber_health(lab).state, lab.health.pins) == (UP, {})


def test_pins_are_set_moved_and_taken_off() -> None:
    config = simulation_config()
    brain = initial_state(config, 0.0)
    for policy, uplink, pins in (
        ("show", "fiber", {"show": "fiber"}),
        ("show", "lte", {"show": "lte"}),
        ("nobody", "lte", {"show": "lte"}),
        ("guests", "dsl", {"show": "lte"}),
        ("show", None, {}),
    ):
        brain = step(brain, Pin(at=1.0, policy=policy, uplink=uplink), config)
        assert brain.pins == pins


def portal_probe(at: float, target: str) -> tuple[ProbeSent, ProbeLost]:
    return (
        ProbeSent(at=at, uplink="fiber", target=target),
        ProbeLost(
            at=at + 0.05,
            uplink="fiber",
            target=target,
            sent_at=at,
            reason=ProbeFailure.CAPTIVE_PORTAL,
        ),
    )


def test_a_portal_is_not_up_unless_another_page_is_right() -> None:
    lab = simulate(config=simulation_config(health=PAGE_TARGETS))
    pages, dead = ("https://a.example/", "http://b.example/"), set()
    lab.paths["fiber"].dead = lambda _at, target: target in dead
    lab.run(3)
    run_events(lab, *portal_probe(3.01, pages[0]), *portal_probe(3.11, pages[0]), until=3.2)
    assert fiber_health(lab).state is UP, "the other page is right"
    dead |= set(pages)
    run_events(
        lab,
        *portal_probe(4.5, pages[0]),
        *portal_probe(4.6, pages[0]),
        *portal_probe(4.7, pages[1]),
        until=5.0,
    )
    assert fiber_health(lab).state is DEGRADED
    assert fiber_health(lab).excluded_policies == {"show", "guests"}
    assert fiber_health(lab).alive
    assert "captive portal instead of https://a.example/" in fiber_health(lab).reason


@pytest.mark.parametrize(
    "failure, words",
    [
        (ProbeFailure.REFUSED, "refused on 4 targets for 0.8 s"),
        (ProbeFailure.NOT_SENT, "not sent on 4 targets for 0.8 s"),
    ],
)
def test_what_fails_at_once_is_no_sign_of_life(failure: ProbeFailure, words: str) -> None:
    lab = simulate()
    lab.run(5)
    lab.paths["fiber"].dead = lambda _at, _target: True
    lab.paths["fiber"].failure = failure
    lab.run(5.45)
    assert (fiber_health(lab).state, fiber_health(lab).excluded_policies) == (
        DEGRADED,
        {"show", "guests"},
    )
    lab.run(5.85)
    assert (fiber_health(lab).state, fiber_health(lab).reason) == (DOWN, words)
    counted = uplink_readings(lab.state, "fiber").loss_30s_percent
    assert counted == 0 if failure is ProbeFailure.NOT_SENT else counted > 20


def test_failures_of_unknown_probes_and_names_change_nothing() -> None:
    config = simulation_config()
    brain = step(initial_state(config, 5.0), Tick(at=6), config)
    for event in (
        ProbeLost(
            at=6, uplink="fiber", target=TARGETS[0], sent_at=5, reason=ProbeFailure.NO_ANSWER
        ),
        ProbeAnswered(at=6, uplink="fiber", target="icmp://192.0.2.1", sent_at=5, rtt_s=0.1),
        ProbeSent(at=6, uplink="fiber", target="icmp://192.0.2.1"),
        CarrierChanged(at=6, uplink="dsl", up=False),
        Restore(at=6, uplink="dsl"),
        Tick(at=1),
    ):
        after_it = step(brain, event, config)
        assert (after_it.uplinks, after_it.at) == (brain.uplinks, 6)


def test_what_was_due_during_a_suspend_is_no_loss() -> None:
    lab = simulate()
    lab.run(10)
    asleep = lab.state
    for event in (
        ProbeSent(at=10.1, uplink="fiber", target=TARGETS[0]),
        ProcessDelayed(at=40.0, delay_s=29.8),
        Tick(at=40.01),
    ):
        asleep = step(asleep, event, lab.config)
    assert asleep.uplinks["fiber"].state is UP
    assert asleep.uplinks["fiber"].consecutive_losses == 0
    assert asleep.uplinks["fiber"].outstanding == ()


def test_a_late_answer_takes_back_the_loss() -> None:
    lab = simulate()
    lab.run(10)
    lab.paths["fiber"].delay = lambda at: 0.5 if at < 10.2 else 0.0
    lab.run(10.35)
    assert uplink_readings(lab.state, "fiber").loss_1s_percent > 0
    assert probe_interval_s(lab.state, "fiber") == 0.0125
    lab.run(11)
    assert uplink_readings(lab.state, "fiber").loss_30s_percent == 0


def test_an_interval_begins_again_when_the_configuration_names_another_line() -> None:
    lab = run_events(
        simulate(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="lte")
    )
    moved = simulation_config(text=(TWO_UPLINKS + TWO_POLICIES).replace('"wan1"', '"wan9"'))
    kept = simulation_config(text=TWO_UPLINKS + TWO_POLICIES.replace('loss = "2%"', 'loss = "3%"'))
    alone = simulation_config(text=ONE_UPLINK + TWO_POLICIES.replace(', "lte"', ""))
    assert reconfigure(lab.state, kept, 4.0).uplinks["fiber"].drained
    assert reconfigure(lab.state, kept, 4.0).pins == {"show": "lte"}
    assert not step(lab.state, Tick(at=4.0), moved).uplinks["fiber"].drained
    less = step(lab.state, Tick(at=4.0), alone)
    assert (set(less.uplinks), less.pins) == ({"fiber"}, {})
    assert set(step(less, Tick(at=5.0), kept).uplinks) == {"fiber", "lte"}
    assert uplink_changes(less, step(less, Tick(at=5.0), kept)) == ()


def test_what_is_known_at_the_start_is_kept() -> None:
    config = simulation_config()
    look = health_without_daemon(config, facts_of(config))
    assert {n: x.state for n, x in initial_health(config, look).uplinks.items()} == {
        "fiber": UP, "lte": WAITING,
    }  # fmt: skip
    known = GatewayHealth(
        uplinks={
            "fiber": UplinkHealth(state=DEGRADED, reason="loss"),
            "lte": UplinkHealth(state=DOWN, reason="silent", alive=False),
        },
        pins={"show": "lte", "gone": "fiber"},
    )
    kept = initial_health(config, known)
    assert [kept.uplinks[name].state for name in ("fiber", "lte")] == [UP, DOWN]
    assert kept.uplinks["fiber"].reason == "not probed yet"
    assert kept.pins == {"show": "lte"}
    assert not is_equivalent(kept, initial_health(config, look))


def initial_health(config: Config, known: GatewayHealth) -> GatewayHealth:
    return current_health(initial_state(config, 0.0, known), config)


def test_changes_report_states_and_policies() -> None:
    lab = simulate()
    lab.run(5)
    before = lab.state
    run_events(lab, CarrierChanged(at=5.5, uplink="fiber", up=False))
    (change,) = uplink_changes(before, lab.state)
    assert (change.uplink, change.before, change.after) == ("fiber", UP, DOWN)
    assert (change.reason, change.at) == ("no carrier on wan1", lab.state.at)
    assert uplink_changes(lab.state, lab.state) == ()


def test_the_round_trip_is_shown_while_our_own_queue_is_full() -> None:
    lab = simulate(rtt_s=0.03)
    lab.schedule(0.001, QueueFull(at=0.001, uplink="fiber", full=True))
    lab.run(60)
    shown = uplink_readings(lab.state, "fiber")
    assert shown.rtt_ms == pytest.approx(31, abs=2)
    assert (shown.jitter_ms, shown.loss_percent) == (None, None), "those would be judged"
    lab.paths["fiber"].dead = lambda _at, _target: True
    lab.run(70)
    assert uplink_readings(lab.state, "fiber").rtt_ms is None, "nothing comes back any more"


def test_our_own_full_queue_is_not_judged() -> None:
    lab = simulate(each_way=0.2)
    lab.schedule(0.001, QueueFull(at=0.001, uplink="fiber", full=True))
    lab.run(60)
    assert (
        fiber_health(lab).excluded_policies,
        uplink_readings(lab.state, "fiber").loss_percent,
    ) == (frozenset(), None)
    lab.schedule(60.1, QueueFull(at=60.1, uplink="fiber", full=False))
    lab.run(61)
    assert uplink_readings(lab.state, "fiber").loss_percent is None, (
        "its last probes are on their way"
    )
    assert (
        lab.first_time_when(75, lambda h: "show" in h.uplinks["fiber"].excluded_policies)
        is not None
    )


@pytest.mark.parametrize(
    "gone, carrier, state, alive",
    [((), True, UP, True), ((), False, DOWN, False), (("wan1",), True, WAITING, False)],
)
def test_health_without_daemon_depends_on_the_interface_alone(
    *, gone: tuple[str, ...], carrier: bool, state: UplinkState, alive: bool
) -> None:
    config = simulation_config()
    found = health_without_daemon(config, facts_of(config, without=gone, carrier=carrier)).uplinks[
        "fiber"
    ]
    assert (found.state, found.alive) == (state, alive)
