"""Black holes for large packets, and steps of the round trip that are no death."""

import pytest

from lbrouter.compile.health import full_size_probe_interval_s
from lbrouter.compile.health.full_size import misses_needed
from lbrouter.model.events import FullSizeProbed, QueueFull
from lbrouter.model.health import UplinkState
from lbrouter.model.messages.codes import ReasonCode
from tests.kit.dual_stack import V4, DualStack, dual_config
from tests.kit.health_simulation import SimulatedPath, fiber_health, simulate, state_history

UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
TARGET = "icmp://1.1.1.1"


def full_size(lab: DualStack, results: str, *, uplink: str = "fiber", target: str = TARGET) -> None:
    """One probe each half second: "+" is answered, "-" is not."""
    for result in results:
        lab.run(0.5)
        event = FullSizeProbed(
            at=lab.state.at, uplink=uplink, target=target, size_bytes=1500, answered=result == "+"
        )
        lab.put(event)


def fiber_policies(lab: DualStack) -> frozenset[str]:
    return lab.family("fiber", V4).excluded_policies


def test_three_misses_after_an_answer_are_a_black_hole_and_three_answers_end_it() -> None:
    lab = DualStack(dual_config())
    full_size(lab, "+--")
    assert lab.family("fiber", V4).state is UP
    assert full_size_probe_interval_s(lab.state, "fiber", V4) == 0.5
    full_size(lab, "-")
    found = lab.family("fiber", V4)
    assert (found.state, found.reason_code) == (DEGRADED, ReasonCode.MTU_BLACK_HOLE)
    assert "packets of 1500 bytes do not pass any more" in found.reason and "`mtu`" in found.reason
    assert fiber_policies(lab) == {"show", "guests"}
    full_size(lab, "++")
    assert lab.family("fiber", V4).state is DEGRADED
    full_size(lab, "+")
    assert lab.family("fiber", V4).state is UP
    assert full_size_probe_interval_s(lab.state, "fiber", V4) == 3.0


def test_a_black_hole_is_left_only_for_a_fit_line() -> None:
    lab = DualStack(dual_config(), dead={("lte", V4)})
    lab.run(5)
    full_size(lab, "+---")
    assert lab.family("fiber", V4).state is DEGRADED
    assert fiber_policies(lab) == frozenset(), "a line that hangs is better than none"
    lab.dead = set()
    lab.run(50)
    assert fiber_policies(lab) == {"show", "guests"}
    full_size(lab, "+---", uplink="lte")
    assert fiber_policies(lab) == frozenset(), "both are alike"


def test_what_never_passed_is_said_and_moves_nothing() -> None:
    lab = DualStack(dual_config())
    full_size(lab, "------")
    found = lab.family("fiber", V4)
    assert (found.state, found.reason_code) == (UP, ReasonCode.ANSWERING)
    assert found.reason.endswith("; none answers packets of 1500 bytes")


def test_a_target_that_never_answers_such_is_no_miss_beside_one_that_does() -> None:
    lab = DualStack(dual_config())
    full_size(lab, "+")
    full_size(lab, "------", target="icmp://8.8.8.8")
    full_size(lab, "------", target="icmp://192.0.2.77")
    assert lab.family("fiber", V4).state is UP


def test_misses_under_our_own_load_or_in_silence_say_nothing_of_the_size() -> None:
    lab = DualStack(dual_config())
    full_size(lab, "+")
    lab.put(QueueFull(at=lab.state.at, uplink="fiber", upload=True, download=False))
    full_size(lab, "------")
    assert lab.family("fiber", V4).state is UP


@pytest.mark.parametrize("usual, needed", [(0.0, 3), (0.02, 3), (0.2, 6), (0.9, 42)])
def test_a_lossy_line_needs_more_misses(usual: float, needed: int) -> None:
    assert misses_needed(usual) == needed


@pytest.mark.parametrize("step_s", [0.3, 0.6, 1.2, 2.0])
def test_a_step_of_the_round_trip_ends_no_use_for_long(step_s: float) -> None:
    simulation = simulate(both=True)
    simulation.paths["fiber"].delay = lambda at: step_s if at > 20 else 0.0
    history = state_history(simulation, 40)
    down = [(at, state) for at, state, _ in history if at > 20]
    outage = sum(
        until - at for (at, state), (until, _) in zip(down, [*down[1:], (40.0, UP)], strict=True)
        if state is DOWN
    )  # fmt: skip
    assert outage < 3, "late answers take the verdict back, without the whole time of a return"
    assert fiber_health(simulation).state is not DOWN


def test_a_line_that_was_really_dead_waits_for_its_whole_return() -> None:
    simulation = simulate(both=True)
    simulation.paths["fiber"] = SimulatedPath(
        simulation.paths["fiber"].rng, dead=lambda at, _: 20 < at < 25
    )
    history = state_history(simulation, 45)
    back = [at for at, state, _ in history if state is UP and at > 21]
    assert back and back[0] > 34.5
