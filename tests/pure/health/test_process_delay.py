"""A daemon that is kept off the processor: what that excuses of a line's silence, and for how long.

The daemon of these simulations runs in slices. Probes are sent, and answers read, in these alone;
the line itself goes on.
"""

from dataclasses import dataclass
from random import Random

import pytest

from lbrouter.compile.health import HealthState, next_deadline, step
from lbrouter.compile.health.silence import SUSPECT_AFTER_S
from lbrouter.model.events import (
    HealthEvent,
    ProbeAnswered,
    ProbeSent,
    ProcessDelayed,
    Tick,
)
from lbrouter.model.health import GatewayHealth, UplinkState
from tests.kit.health_simulation import (
    TARGETS,
    HealthSimulation,
    fiber_health,
    simulate,
    simulation_config,
)

DELAY_TOLD_S = 0.1
"""Delays that are longer are reported (`kernel.probe.suspend_detector`)."""

DOWN_AFTER_S = 0.8
EVIDENCE_S = 0.35
"""For the losses that a verdict needs beside the time, of a daemon that runs a sixth of it."""


@dataclass(kw_only=True)
class Starvation:
    """From `begins` to `ends` the daemon runs for `runs_s` after each `stands_s`."""

    begins: float
    ends: float
    stands_s: float
    runs_s: float

    def next_run(self, at: float) -> float:
        """When what is due at `at` is done."""
        if not self.begins <= at < self.ends:
            return at
        into = (at - self.begins) % (self.stands_s + self.runs_s)
        return at if into >= self.stands_s else min(at - into + self.stands_s, self.ends)

    def delays(self) -> list[ProcessDelayed]:
        """What the daemon is told of it."""
        found, at = [], self.begins
        while at < self.ends:
            ends = min(at + self.stands_s, self.ends)
            if ends - at > DELAY_TOLD_S:
                found.append(ProcessDelayed(at=ends, delay_s=ends - at))
            at = ends + self.runs_s
        return found


class StarvedSimulation(HealthSimulation):
    """A simulation whose daemon is starved: what is due meanwhile happens when it runs again."""

    def starve(self, starvation: Starvation) -> None:
        self.starvation = starvation
        for told in starvation.delays():
            super().schedule(told.at, told)

    def next_tick(self) -> float | None:
        due = super().next_tick()
        return None if due is None else self.starvation.next_run(due)

    def schedule(self, at: float, what: HealthEvent | str) -> None:
        run_at = self.starvation.next_run(at)
        if isinstance(what, ProbeAnswered):
            what = ProbeAnswered(
                at=run_at,
                uplink=what.uplink,
                target=what.target,
                sent_at=what.sent_at,
                rtt_s=what.rtt_s,
                arrived_at=at,
            )
        if isinstance(what, str):
            self.next_probe_at[what] = run_at
        super().schedule(run_at, what)


def starved(starvation: Starvation, *, each_way: float = 0.0, seed: int = 1) -> StarvedSimulation:
    usual = simulate(seed=seed, each_way=each_way, both=True)
    found = StarvedSimulation.__new__(StarvedSimulation)
    found.starvation = Starvation(begins=0, ends=0, stands_s=1, runs_s=1)
    found.__init__(usual.config, usual.paths, usual.known)  # type: ignore[misc]
    found.starve(starvation)
    return found


def suspected(health: GatewayHealth) -> bool:
    return health.uplinks["fiber"].state is not UplinkState.UP


def dead(health: GatewayHealth) -> bool:
    return not health.uplinks["fiber"].alive


@pytest.mark.parametrize("stands_s", [0.15, 0.25, 0.4])
def test_a_daemon_that_runs_in_slices_finds_a_dead_line_all_the_same(stands_s: float) -> None:
    slices = Starvation(begins=10, ends=20, stands_s=stands_s, runs_s=0.05)
    suspicion, end = (starved(slices) for _ in range(2))
    for each in (suspicion, end):
        each.paths["fiber"].dead = lambda at, _target: at >= 10.02
    round_s = stands_s + slices.runs_s
    suspected_at = suspicion.first_time_when(20, suspected)
    assert suspected_at is not None
    assert suspected_at - 10 < 2 * SUSPECT_AFTER_S + EVIDENCE_S + 3 * round_s
    dead_at = end.first_time_when(20, dead)
    assert dead_at is not None
    assert dead_at - 10 < 2 * DOWN_AFTER_S + EVIDENCE_S + 2 * round_s


def test_a_long_delay_does_not_put_off_the_suspicion_for_long() -> None:
    slept = Starvation(begins=10, ends=12.8, stands_s=2.8, runs_s=1)
    simulation = starved(slept)
    simulation.paths["fiber"].dead = lambda at, _target: at >= 10.0
    suspected_at = simulation.first_time_when(20, suspected)
    assert suspected_at is not None
    assert suspected_at - slept.ends < 0.3, "it was 0.4 s and more"
    dead_at = simulation.first_time_when(20, dead)
    assert dead_at is not None
    assert dead_at - slept.ends < DOWN_AFTER_S + 0.2


@pytest.mark.parametrize("seed", range(5))
def test_a_starved_daemon_suspects_no_line_that_answers(seed: int) -> None:
    rng = Random(seed)
    slices = Starvation(
        begins=10, ends=70, stands_s=rng.uniform(0.11, 3), runs_s=rng.uniform(0.01, 0.2)
    )
    simulation = starved(slices, each_way=0.002, seed=seed)
    assert simulation.first_time_when(75, suspected) is None, slices


def test_loss_is_found_by_a_starved_daemon_too() -> None:
    simulation = starved(Starvation(begins=10, ends=30, stands_s=0.15, runs_s=0.1))
    simulation.run(10)
    simulation.paths["fiber"].each_way = 0.15
    left_at = simulation.first_time_when(30, suspected)
    assert left_at is not None and left_at - 10 < 6, "probes that were out count"


def state_after(*events: HealthEvent) -> HealthState:
    simulation = simulate()
    simulation.run(10)
    state = simulation.state
    for event in events:
        state = step(state, event, simulation.config)
    return state


def test_a_page_has_time_for_the_rest_of_its_exchange() -> None:
    config = simulation_config(health='targets = ["http://b.example/"]')
    simulation = simulate(config=config)
    simulation.run(10)
    state = simulation.state
    for event in (
        ProbeSent(at=10.3, uplink="fiber", target="http://b.example/"),
        ProcessDelayed(at=11.0, delay_s=0.6),
        Tick(at=11.9),
    ):
        state = step(state, event, config)
    assert state.uplinks["fiber"].consecutive_losses == 0
    assert step(state, Tick(at=12.1), config).uplinks["fiber"].consecutive_losses == 1


def test_a_probe_is_prolonged_once() -> None:
    sent = ProbeSent(at=10.3, uplink="fiber", target=TARGETS[0])
    once = state_after(sent, ProcessDelayed(at=10.6, delay_s=0.25))
    deadline = next_deadline(once)
    assert deadline is not None and deadline == pytest.approx(10.65)
    again = state_after(
        sent, ProcessDelayed(at=10.6, delay_s=0.25), ProcessDelayed(at=10.9, delay_s=0.25)
    )
    assert again.uplinks["fiber"].consecutive_losses == 1


def test_a_suspended_machine_begins_anew() -> None:
    state = state_after(
        ProbeSent(at=10.3, uplink="fiber", target=TARGETS[0]), ProcessDelayed(at=40, delay_s=29)
    )
    line = state.uplinks["fiber"]
    assert (line.silent_since, line.outstanding, line.unobserved_s) == (40, (), 0)
    assert fiber_health(simulate()).alive
