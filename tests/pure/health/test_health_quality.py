"""Simulated lines that lose or delay probes: when a policy leaves them, and when it comes back."""

from random import Random

import pytest

from lbrouter.compile.health import uplink_readings
from lbrouter.compile.health.uplink_memory import QualityMetric
from lbrouter.model.health import UplinkState
from tests.kit.health_simulation import (
    ONE_UPLINK,
    TARGETS,
    TWO_POLICIES,
    TWO_UPLINKS,
    quantile,
    simulate,
    simulation_config,
    state_history,
)

UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN


@pytest.mark.parametrize("targets", [4, 2])
def test_ten_percent_each_way_leaves_the_show_within_three_seconds_and_the_guests_stay(
    targets: int,
) -> None:
    left = []
    config = simulation_config(health=f"targets = {list(TARGETS[:targets])}")
    for seed in range(30):
        simulation = simulate(seed=seed, config=config)
        simulation.run(2 + Random(seed).random())
        start = simulation.at
        simulation.paths["fiber"].each_way = 0.1
        at = simulation.first_time_when(
            start + 30, lambda h: "show" in h.uplinks["fiber"].excluded_policies
        )
        left.append(at - start)
        assert simulation.health.uplinks["fiber"].excluded_policies == {"show"}
        assert simulation.health.uplinks["fiber"].reason.endswith("> 2 % (show)")
    assert quantile(left, 0.5) <= 1.5
    assert quantile(left, 0.95) <= 3.0


def test_one_percent_each_way_moves_nothing_in_ten_minutes() -> None:
    assert state_history(simulate(each_way=0.01), 600) == [(0.01, UP, frozenset())]


@pytest.mark.parametrize("each_way, until", [(0.1, 100), (0.106, 600), (0.2, 100)])
def test_heavy_loss_for_ten_minutes_neither_flaps_nor_is_down(
    each_way: float, until: float
) -> None:
    """10.6 % each way are 20 % of the round trips."""
    history = state_history(simulate(each_way=each_way), until)
    assert [(state, left) for _, state, left in history] == [
        (UP, frozenset()),
        (DEGRADED, {"show"}),
    ]


def test_heavy_loss_that_ends_is_forgiven_after_a_while() -> None:
    simulation = simulate(each_way=0.1)
    simulation.run(60)
    simulation.paths["fiber"].each_way = 0.0
    seen = []
    back = None
    while back is None:
        back = simulation.first_time_when(
            simulation.at + 0.5, lambda h: not h.uplinks["fiber"].excluded_policies
        )
        seen.append(simulation.health.uplinks["fiber"].reason)
    assert 80 < back < 105
    assert any("if it stays (show)" in reason for reason in seen)
    assert any("was over 2 % (show)" in reason for reason in seen)
    assert simulation.health.uplinks["fiber"].state is UP


@pytest.mark.parametrize("dead", [TARGETS[:1], (TARGETS[0], TARGETS[3]), TARGETS[1:]])
def test_dead_targets_are_their_own_fault_while_another_answers(dead: tuple[str, ...]) -> None:
    simulation = simulate()
    simulation.paths["fiber"].dead = lambda at, target: 20 < at < 80 and target in dead
    assert state_history(simulation, 79) == [(0.01, UP, frozenset())]
    assert simulation.health.uplinks["fiber"].reason == f"{4 - len(dead)} of 4 targets answer"
    assert uplink_readings(simulation.state, "fiber").loss_percent == 0
    simulation.run(120)
    assert simulation.health.uplinks["fiber"].reason == "4 of 4 targets answer"


def test_a_target_that_drops_some_is_its_own_fault_until_it_no_longer_does() -> None:
    simulation, rng = simulate(), Random(5)
    simulation.paths["fiber"].dead = lambda at, t: (
        20 < at < 200 and t == TARGETS[0] and rng.random() < 0.4
    )
    assert state_history(simulation, 190) == [(0.01, UP, frozenset())]
    assert simulation.state.uplinks["fiber"].targets[TARGETS[0]].excluded
    simulation.run(260)
    assert not simulation.state.uplinks["fiber"].targets[TARGETS[0]].excluded


@pytest.mark.parametrize(
    "impairment, words",
    [({"rtt_s": 0.3}, "latency 301 ms > 150 ms (show)"), ({"jitter_s": 0.25}, "ms > 40 ms (show)")],
)
def test_latency_and_jitter_move_only_the_policy_that_limits_them(
    impairment: dict[str, float], words: str
) -> None:
    simulation = simulate()
    simulation.run(20)
    for key, value in impairment.items():
        setattr(simulation.paths["fiber"], key, value)
    left = simulation.first_time_when(
        40, lambda h: "show" in h.uplinks["fiber"].excluded_policies and h.uplinks["fiber"]
    )
    assert left < 24
    simulation.run(40)
    assert simulation.health.uplinks["fiber"].excluded_policies == {"show"}
    assert words in simulation.health.uplinks["fiber"].reason
    simulation.paths["fiber"].rtt_s, simulation.paths["fiber"].jitter_s = 0.02, 0.002
    back = simulation.first_time_when(60, lambda h: h.uplinks["fiber"].state is UP)
    assert 45 < back < 53


def test_a_satellite_needs_no_other_setting() -> None:
    simulation = simulate(rtt_s=0.6, jitter_s=0.05)
    simulation.run(20)
    assert simulation.health.uplinks["fiber"].excluded_policies == {"show"}
    simulation.paths["fiber"].dead = lambda at, _: at > 20
    down = simulation.first_time_when(30, lambda h: h.uplinks["fiber"].state is DOWN)
    assert 21.3 < down < 22.5


def test_a_slow_interval_stretches_the_windows() -> None:
    simulation = simulate(
        config=simulation_config(health='interval = "2s"\ndown_after = "10s"'), each_way=0.1
    )
    left = simulation.first_time_when(300, lambda h: "show" in h.uplinks["fiber"].excluded_policies)
    assert left is not None
    simulation.run(600)
    assert simulation.health.uplinks["fiber"].excluded_policies == {"show"}


def test_on_a_line_that_hardly_answers_time_decides_alone() -> None:
    simulation = simulate(config=simulation_config(text=ONE_UPLINK), each_way=0.6)
    simulation.run(60)
    assert simulation.state.uplinks["fiber"].usual_loss > 0.6
    simulation.paths["fiber"].dead = lambda at, _: at > 60
    down = simulation.first_time_when(70, lambda h: h.uplinks["fiber"].state is DOWN)
    assert 61 < down < 64


def test_what_cannot_be_measured_does_not_return() -> None:
    latency_only = TWO_POLICIES.replace('loss = "2%", ', "").replace(', jitter = "40ms"', "")
    simulation = simulate(config=simulation_config(text=TWO_UPLINKS + latency_only), rtt_s=0.3)
    simulation.paths["fiber"].dead = lambda at, _: at > 20
    simulation.run(30)
    assert simulation.health.uplinks["fiber"].state is DOWN
    assert simulation.state.uplinks["fiber"].policy_tolerance[0].exceeded is QualityMetric.LATENCY
