"""Single health events and what they change: carrier, address, drain, pin, configuration."""

import pytest

from lbrouter.compile.health import (
    current_health,
    initial_state,
    is_equivalent,
    reconfigure,
    step,
    uplink_changes,
)
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.model.config import Config
from lbrouter.model.events import (
    AddressingChanged,
    CarrierChanged,
    Drain,
    Pin,
    ProbeAnswered,
    ProbeSent,
    Restore,
    Tick,
)
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.messages.message import told
from tests.kit.builders import facts_of
from tests.kit.health_simulation import (
    ONE_UPLINK,
    TARGETS,
    TWO_POLICIES,
    TWO_UPLINKS,
    fiber_health,
    run_events,
    simulate,
    simulation_config,
)

WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState


def test_a_lost_carrier_is_down_at_once_and_comes_back_after_up_after() -> None:
    simulation = simulate()
    simulation.run(5)
    run_events(simulation, CarrierChanged(at=5.5, uplink="fiber", up=False))
    assert (fiber_health(simulation).state, fiber_health(simulation).alive) == (DOWN, False)
    assert fiber_health(simulation).reason == "no carrier on wan1"
    simulation.paths["fiber"].dead = lambda at, _: at < 8
    run_events(simulation, CarrierChanged(at=7.0, uplink="fiber", up=True), until=7.5)
    assert fiber_health(simulation).reason == "no answer on 4 targets for 0.3 s"
    back = simulation.first_time_when(40, lambda h: h.uplinks["fiber"].state is UP)
    assert back == pytest.approx(18.1, abs=0.2)


def test_facts_that_were_read_before_the_interface_went_do_not_bring_it_back() -> None:
    config = simulation_config()
    state = initial_state(config, 0.0)
    gone = CarrierChanged(at=5.5, uplink="fiber", up=False, present=False)
    for event in (gone, CarrierChanged(at=5.4, uplink="fiber", up=True)):
        state = step(state, event, config)
    assert not state.uplinks["fiber"].present
    state = step(state, CarrierChanged(at=5.6, uplink="fiber", up=True), config)
    assert state.uplinks["fiber"].present


def test_an_answer_from_before_the_break_proves_nothing() -> None:
    config = simulation_config()
    state = initial_state(config, 0.0)
    for event in (
        ProbeSent(at=1.0, uplink="fiber", target=TARGETS[0]),
        CarrierChanged(at=1.01, uplink="fiber", up=False),
        ProbeAnswered(at=1.02, uplink="fiber", target=TARGETS[0], sent_at=1.0, rtt_s=0.02),
    ):
        state = step(state, event, config)
    assert not state.uplinks["fiber"].carrier
    for event in (
        ProbeSent(at=2.0, uplink="fiber", target=TARGETS[0]),
        ProbeAnswered(at=2.02, uplink="fiber", target=TARGETS[0], sent_at=2.0, rtt_s=0.02),
    ):
        state = step(state, event, config)
    assert state.uplinks["fiber"].carrier, "a probe that went and came needs a cable"


def test_a_lost_address_is_waiting_and_says_what_lacks() -> None:
    simulation = run_events(
        simulate(),
        AddressingChanged(at=3.0, uplink="fiber", ready=False, reason=told("lease is over")),
    )
    assert (fiber_health(simulation).state, fiber_health(simulation).reason) == (
        WAITING,
        "lease is over",
    )
    run_events(simulation, AddressingChanged(at=3.0, uplink="fiber", ready=False))
    assert fiber_health(simulation).reason == "no address yet (static) on wan1"
    simulation.run(8)
    assert (fiber_health(simulation).state, fiber_health(simulation).reason) == (
        CHECKING,
        "answers for 5.0 s; in use after 10 s of that",
    )
    simulation.run(14)
    assert (fiber_health(simulation).state, fiber_health(simulation).reason) == (
        UP,
        "4 of 4 targets answer",
    )


def test_drain_and_restore() -> None:
    simulation = run_events(
        simulate(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="fiber")
    )
    fiber = fiber_health(simulation)
    assert (fiber.state, fiber.reason, fiber.alive) == (DRAINED, "drained by hand", True)
    assert simulation.health.pins == {"show": "fiber"}
    run_events(simulation, Restore(at=4.0, uplink="fiber"))
    assert (fiber_health(simulation).state, simulation.health.pins) == (UP, {})


def test_pins_are_set_moved_and_taken_off() -> None:
    config = simulation_config()
    state = initial_state(config, 0.0)
    for policy, uplink, pins in (
        ("show", "fiber", {"show": "fiber"}),
        ("show", "lte", {"show": "lte"}),
        ("nobody", "lte", {"show": "lte"}),
        ("guests", "dsl", {"show": "lte"}),
        ("show", None, {}),
    ):
        state = step(state, Pin(at=1.0, policy=policy, uplink=uplink), config)
        assert state.pins == pins


def test_an_interval_begins_again_when_the_configuration_names_another_line() -> None:
    simulation = run_events(
        simulate(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="lte")
    )
    moved = simulation_config(text=(TWO_UPLINKS + TWO_POLICIES).replace('"wan1"', '"wan9"'))
    kept = simulation_config(text=TWO_UPLINKS + TWO_POLICIES.replace('loss = "2%"', 'loss = "3%"'))
    alone = simulation_config(text=ONE_UPLINK + TWO_POLICIES.replace(', "lte"', ""))
    assert reconfigure(simulation.state, kept, 4.0).uplinks["fiber"].drained
    assert reconfigure(simulation.state, kept, 4.0).pins == {"show": "lte"}
    assert not step(simulation.state, Tick(at=4.0), moved).uplinks["fiber"].drained
    reduced = step(simulation.state, Tick(at=4.0), alone)
    assert (set(reduced.uplinks), reduced.pins) == ({"fiber"}, {})
    assert set(step(reduced, Tick(at=5.0), kept).uplinks) == {"fiber", "lte"}
    assert uplink_changes(reduced, step(reduced, Tick(at=5.0), kept)) == ()


def test_what_is_known_at_the_start_is_kept() -> None:
    config = simulation_config()
    carrier_health = health_without_daemon(config, facts_of(config))
    assert {n: x.state for n, x in initial_health(config, carrier_health).uplinks.items()} == {
        "fiber": CHECKING, "lte": WAITING,
    }  # fmt: skip
    known = GatewayHealth(
        uplinks={
            "fiber": UplinkHealth(state=DEGRADED, why=told("loss")),
            "lte": UplinkHealth(state=DOWN, why=told("silent"), alive=False),
        },
        pins={"show": "lte", "gone": "fiber"},
    )
    kept = initial_health(config, known)
    assert [kept.uplinks[name].state for name in ("fiber", "lte")] == [UP, DOWN]
    assert kept.uplinks["fiber"].reason == "not probed yet"
    assert kept.pins == {"show": "lte"}
    assert not is_equivalent(kept, initial_health(config, carrier_health))


def initial_health(config: Config, known: GatewayHealth) -> GatewayHealth:
    return current_health(initial_state(config, 0.0, known), config)


def test_changes_report_states_and_policies() -> None:
    simulation = simulate()
    simulation.run(5)
    before = simulation.state
    run_events(simulation, CarrierChanged(at=5.5, uplink="fiber", up=False))
    (change,) = uplink_changes(before, simulation.state)
    assert (change.uplink, change.before, change.after) == ("fiber", UP, DOWN)
    assert (str(change.why), change.at) == ("no carrier on wan1", simulation.state.at)
    assert uplink_changes(simulation.state, simulation.state) == ()


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
