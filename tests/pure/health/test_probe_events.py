"""Probe results that prove nothing: a portal, a late answer, a suspended machine, a full queue."""

from dataclasses import replace

import pytest

from lbrouter.compile.health import (
    initial_state,
    probe_interval_s,
    step,
    uplink_readings,
)
from lbrouter.model.events import (
    CarrierChanged,
    ProbeAnswered,
    ProbeFailure,
    ProbeLost,
    ProbeSent,
    ProcessDelayed,
    QueueFull,
    Restore,
    Tick,
)
from lbrouter.model.health import UplinkState
from tests.kit.health_simulation import (
    TARGETS,
    fiber_health,
    run_events,
    simulate,
    simulation_config,
)

WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState
PAGE_TARGETS = 'targets = ["https://a.example/", "http://b.example/", "icmp://1.1.1.1"]'


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
    simulation = simulate(config=simulation_config(health=PAGE_TARGETS))
    pages, dead = ("https://a.example/", "http://b.example/"), set()
    simulation.paths["fiber"].dead = lambda _at, target: target in dead
    simulation.run(3)
    run_events(simulation, *portal_probe(3.01, pages[0]), *portal_probe(3.11, pages[0]), until=3.2)
    assert fiber_health(simulation).state is UP, "the other page is right"
    dead |= set(pages)
    run_events(
        simulation,
        *portal_probe(4.5, pages[0]),
        *portal_probe(4.6, pages[0]),
        *portal_probe(4.7, pages[1]),
        until=5.0,
    )
    assert fiber_health(simulation).state is DEGRADED
    assert fiber_health(simulation).excluded_policies == {"show", "guests"}
    assert fiber_health(simulation).alive
    assert "captive portal instead of https://a.example/" in fiber_health(simulation).reason


@pytest.mark.parametrize(
    "failure, words",
    [
        (ProbeFailure.REFUSED, "refused on 4 targets for 0.8 s"),
        (ProbeFailure.NOT_SENT, "not sent on 4 targets for 0.8 s"),
    ],
)
def test_what_fails_at_once_is_no_sign_of_life(failure: ProbeFailure, words: str) -> None:
    simulation = simulate()
    simulation.run(5)
    simulation.paths["fiber"].dead = lambda _at, _target: True
    simulation.paths["fiber"].failure = failure
    simulation.run(5.45)
    assert (fiber_health(simulation).state, fiber_health(simulation).excluded_policies) == (
        DEGRADED,
        {"show", "guests"},
    )
    simulation.run(5.85)
    assert (fiber_health(simulation).state, fiber_health(simulation).reason) == (DOWN, words)
    counted = uplink_readings(simulation.state, "fiber").loss_30s_percent
    assert counted == 0 if failure is ProbeFailure.NOT_SENT else counted > 20


def test_failures_of_unknown_probes_and_names_change_nothing() -> None:
    config = simulation_config()
    state = step(initial_state(config, 5.0), Tick(at=6), config)
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
        after_it = step(state, event, config)
        assert (after_it.uplinks, after_it.at) == (state.uplinks, 6)


def test_what_was_due_during_a_suspend_is_no_loss() -> None:
    simulation = simulate()
    simulation.run(10)
    asleep = simulation.state
    for event in (
        ProbeSent(at=10.1, uplink="fiber", target=TARGETS[0]),
        ProcessDelayed(at=40.0, delay_s=29.8),
        Tick(at=40.01),
    ):
        asleep = step(asleep, event, simulation.config)
    assert asleep.uplinks["fiber"].state is UP
    assert asleep.uplinks["fiber"].consecutive_losses == 0
    assert asleep.uplinks["fiber"].outstanding == ()


def test_a_late_answer_takes_back_the_loss() -> None:
    simulation = simulate()
    simulation.run(10)
    simulation.paths["fiber"].delay = lambda at: 0.5 if at < 10.2 else 0.0
    simulation.run(10.35)
    assert uplink_readings(simulation.state, "fiber").loss_1s_percent > 0
    assert probe_interval_s(simulation.state, "fiber") == 0.0125
    simulation.run(11)
    assert uplink_readings(simulation.state, "fiber").loss_30s_percent == 0


@pytest.mark.parametrize("waited_s", [1.5, 3.5])
def test_answers_that_waited_for_the_line_do_not_make_its_end_late(waited_s: float) -> None:
    simulation = simulate()
    simulation.paths["fiber"].delay = lambda at: max(waited_s - at, 0.0)
    simulation.run(waited_s + 1.5)
    assert fiber_health(simulation).state is UP
    died_at = simulation.at
    simulation.paths["fiber"].dead = lambda _at, _target: True
    down_at = simulation.first_time_when(died_at + 5, lambda h: not h.uplinks["fiber"].alive)
    assert down_at is not None and down_at - died_at < 1.2


def test_the_round_trip_is_shown_while_our_own_queue_is_full() -> None:
    simulation = simulate(rtt_s=0.03)
    simulation.schedule(0.001, QueueFull(at=0.001, uplink="fiber", upload=True, download=False))
    simulation.run(60)
    shown = uplink_readings(simulation.state, "fiber")
    assert shown.rtt_ms == pytest.approx(31, abs=2)
    assert (shown.jitter_ms, shown.loss_percent) == (None, 0.0), "jitter would be judged"
    simulation.paths["fiber"].dead = lambda _at, _target: True
    simulation.run(70)
    assert uplink_readings(simulation.state, "fiber").rtt_ms is None, "nothing comes back any more"


@pytest.mark.parametrize("upload, download", [(True, False), (False, True), (True, True)])
def test_loss_beyond_what_our_own_load_explains_is_the_lines(
    *, upload: bool, download: bool
) -> None:
    simulation = simulate(each_way=0.001)
    full = QueueFull(at=0.001, uplink="fiber", upload=upload, download=download)
    simulation.schedule(0.001, full)
    simulation.run(30)
    assert fiber_health(simulation).state is UP
    simulation.paths["fiber"].each_way = 0.106
    left = simulation.first_time_when(45, lambda h: "show" in h.uplinks["fiber"].excluded_policies)
    assert left is not None and left - 30 < 6
    assert fiber_health(simulation).reason_code == "loss"


def test_the_times_of_our_own_full_queue_are_not_judged() -> None:
    simulation = simulate(rtt_s=0.3, jitter_s=0.2)
    full = QueueFull(at=0.001, uplink="fiber", upload=False, download=True)
    simulation.schedule(0.001, full)
    simulation.run(60)
    assert fiber_health(simulation).state is UP
    simulation.schedule(60.1, replace(full, at=60.1, download=False))
    assert (
        simulation.first_time_when(75, lambda h: "show" in h.uplinks["fiber"].excluded_policies)
        is not None
    )


def test_a_policy_that_left_for_latency_does_not_come_back_by_our_own_queue() -> None:
    simulation = simulate(rtt_s=0.3)
    out = simulation.first_time_when(20, lambda h: "show" in h.uplinks["fiber"].excluded_policies)
    assert out is not None
    full = QueueFull(at=out, uplink="fiber", upload=True, download=False)
    simulation.schedule(out, full)
    simulation.paths["fiber"].rtt_s = 0.02
    simulation.run(out + 30)
    assert "show" in fiber_health(simulation).excluded_policies, "nothing is proved meanwhile"
    simulation.schedule(out + 30, replace(full, at=out + 30, upload=False))
    simulation.run(out + 50)
    assert fiber_health(simulation).excluded_policies == frozenset()


def test_answers_by_an_interface_that_was_renamed_do_not_bring_its_name_back() -> None:
    simulation = simulate()
    simulation.run(2)
    gone = CarrierChanged(at=2.01, uplink="fiber", up=False, present=False)
    run_events(simulation, gone, until=3)
    fiber = fiber_health(simulation)
    assert (fiber.state, fiber.reason) == (WAITING, "interface wan1 is not there")
    run_events(simulation, CarrierChanged(at=3.01, uplink="fiber", up=True), until=5)
    assert fiber_health(simulation).carrier
    assert fiber_health(simulation).state is DOWN, "it answers again, and was out of use"
    simulation.run(14)
    assert fiber_health(simulation).state is UP
