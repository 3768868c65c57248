"""Simulated lines that fail: how fast it is noticed, how often flows switch, what never happens."""

from random import Random

import pytest

from lbrouter.compile.health import uplink_readings
from lbrouter.model.events import CarrierChanged, QueueFull, RepliesSeen
from lbrouter.model.health import UplinkState
from tests.kit.health_simulation import (
    policy_switches,
    quantile,
    simulate,
    state_history,
    static_config,
)

UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
ALL = frozenset({"show", "guests"})


def test_a_black_hole_is_suspected_in_half_a_second_and_down_in_one() -> None:
    suspect, down, rows = [], [], []
    for seed in range(30):
        simulation = simulate(seed=seed)
        hole = 3 + Random(seed).random()
        simulation.paths["fiber"].dead = lambda at, _, hole=hole: at >= hole
        suspect.append(
            simulation.first_time_when(
                hole + 5, lambda h: h.uplinks["fiber"].excluded_policies == ALL
            )
            - hole
        )
        down.append(
            simulation.first_time_when(hole + 5, lambda h: h.uplinks["fiber"].state is DOWN) - hole
        )
        rows.append(simulation.state.uplinks["fiber"].consecutive_losses)
    assert quantile(suspect, 0.5) <= 0.5
    assert quantile(down, 0.95) <= 1.0
    assert min(down) >= 0.55, "an answer may have come 200 ms before the hole"
    most_rows_a_day = 86_400 / 0.2
    assert most_rows_a_day * 0.19 ** min(rows) < 1e-4, "false downs a day at 10 % each way"


@pytest.mark.parametrize("cable", [True, False])
def test_a_flap_at_one_hertz_for_ten_minutes_gives_three_switches_at_most(*, cable: bool) -> None:
    simulation = simulate(config=static_config())
    if cable:
        for half in range(1200):
            at = 20 + half / 2
            simulation.schedule(at, CarrierChanged(at=at, uplink="fiber", up=half % 2 == 1))
    else:
        simulation.paths["fiber"].dead = lambda at, _: 20 < at < 620 and at % 1 < 0.5
    chosen = policy_switches(simulation, "show", 700)
    assert chosen == [("fiber",), ("lte",), ("fiber",)]
    assert simulation.health.uplinks["fiber"].state is UP


def test_a_thousand_flaps_in_a_minute_give_three_switches_at_most() -> None:
    simulation = simulate(config=static_config())
    for half in range(2000):
        at = 20 + 0.03 * half
        simulation.schedule(at, CarrierChanged(at=at, uplink="fiber", up=half % 2 == 1))
    assert policy_switches(simulation, "show", 120) == [("fiber",), ("lte",), ("fiber",)]
    assert len(simulation.state.uplinks["fiber"].outstanding) < 100


def test_a_slow_flap_pays_longer_each_time() -> None:
    simulation = simulate()
    simulation.paths["fiber"].dead = lambda at, _: 20 < at < 620 and at % 30 < 15
    history = state_history(simulation, 599)
    assert sum(1 for _, state, _ in history if state is UP) == 2
    assert "longer after 2 outages" in simulation.health.uplinks["fiber"].reason
    assert uplink_readings(simulation.state, "fiber").faults == 2


def test_the_last_usable_line_comes_back_within_a_second() -> None:
    simulation = simulate(config=static_config(), both=True)
    simulation.paths["lte"].dead = lambda at, _: at > 10
    simulation.paths["fiber"].dead = lambda at, _: 15 < at < 40
    assert policy_switches(simulation, "show", 39.9) == [("fiber",), ()]
    assert {known.alive for known in simulation.health.uplinks.values()} == {False}
    simulation.run(40.3)
    assert simulation.health.uplinks["fiber"].alive, "it may be used as the least bad one"
    back = simulation.first_time_when(60, lambda h: h.uplinks["fiber"].state is UP)
    assert back < 41.5


def test_half_second_bursts_are_no_outage() -> None:
    simulation = simulate()
    simulation.paths["fiber"].dead = lambda at, _: at > 20 and at % 20 < 0.5
    history = state_history(simulation, 200)
    assert {state for _, state, _ in history} == {UP, DEGRADED}
    assert len([left for _, _, left in history if left == ALL]) <= 7, "each is avoided longer"


def test_suspicion_moves_nothing_when_nothing_better_is_there() -> None:
    simulation = simulate(config=static_config(), both=True)
    for path in simulation.paths.values():
        path.dead = lambda at, _: 10 < at < 10.5
    simulation.run(10.45)
    assert [known.state for known in simulation.health.uplinks.values()] == [DEGRADED, DEGRADED]
    assert {known.excluded_policies for known in simulation.health.uplinks.values()} == {
        frozenset()
    }


def test_a_queue_that_fills_is_not_death() -> None:
    simulation = simulate(rtt_s=0.04)
    simulation.paths["fiber"].delay = lambda at: min(max(at - 20, 0.0), 0.86) if at < 60 else 0.0
    history = state_history(simulation, 100)
    assert {state for _, state, _ in history} == {UP, DEGRADED}
    assert [left for at, _, left in history if 23 < at < 60] in ([], [{"show"}])
    assert 60 < history[-1][0] < 80
    assert history[-1][1] is UP


def test_a_queue_of_our_own_is_nobodys_fault() -> None:
    simulation = simulate(rtt_s=0.04)
    simulation.paths["fiber"].delay = lambda at: 0.86 if 20 < at < 220 else 0.0
    simulation.schedule(20.0, QueueFull(at=20.0, uplink="fiber", upload=True, download=False))
    simulation.schedule(220.0, QueueFull(at=220.0, uplink="fiber", upload=False, download=False))
    history = state_history(simulation, 260)
    assert DOWN not in {state for _, state, _ in history}
    assert all(left in (frozenset(), ALL) for _, _, left in history), "no tolerance was exceeded"
    assert sum(at for at, _, left in history if left == ALL) < 21, "and suspicion was brief"


def test_silence_under_our_own_full_queue_is_still_death_but_later() -> None:
    simulation = simulate()
    simulation.schedule(9.0, QueueFull(at=9.0, uplink="fiber", upload=True, download=False))
    simulation.paths["fiber"].dead = lambda at, _: at > 10
    down = simulation.first_time_when(20, lambda h: h.uplinks["fiber"].state is DOWN)
    assert 11.3 < down < 11.8


def test_while_clients_get_replies_dead_targets_cut_no_flow_for_four_times_down_after() -> None:
    simulation = simulate()
    simulation.paths["fiber"].dead = lambda at, _: at > 10
    for tenth in range(100, 300):
        simulation.schedule(tenth / 10, RepliesSeen(at=tenth / 10, uplink="fiber"))
    history = state_history(simulation, 12.9)
    assert {state for _, state, _ in history} == {UP, DEGRADED}
    assert simulation.health.uplinks["fiber"].excluded_policies == ALL, "new flows avoid it"
    assert "connections go on" in simulation.health.uplinks["fiber"].reason
    down = simulation.first_time_when(20, lambda h: h.uplinks["fiber"].state is DOWN)
    assert down == pytest.approx(10 + 4 * 0.8, abs=0.1), "what comes in proves nothing for ever"
