"""Single events and what they do: cables, addresses, orders, odd answers, our own faults."""

import pytest

from lbrouter.compile.health import begin, changes, health, pace, readings, renew, same, step
from lbrouter.compile.health.carrier_only import first_look
from lbrouter.model.config import Config
from lbrouter.model.events import (
    Addressed,
    Carrier,
    Drain,
    Event,
    Failure,
    Late,
    Pin,
    ProbeAnswered,
    ProbeLost,
    ProbeSent,
    QueueFull,
    Restore,
    Tick,
)
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from tests.kit.builders import facts_of
from tests.kit.health_simulation import ONE, SHOW, TARGETS, TWO, Lab, lab_config, lab_of

WAITING, UP, DEGRADED, DOWN, DRAINED = UplinkState
PAGES = 'targets = ["https://a.example/", "http://b.example/", "icmp://1.1.1.1"]'


def fiber(lab: Lab) -> UplinkHealth:
    return lab.health.uplinks["fiber"]


def after(lab: Lab, *events: Event, until: float | None = None) -> Lab:
    """The lab when the events have happened, and what its probers did meanwhile."""
    for event in events:
        lab.put(event.at, event)
    lab.run(until if until is not None else max(event.at for event in events))
    return lab


def test_a_lost_carrier_is_down_at_once_and_comes_back_after_up_after() -> None:
    lab = lab_of()
    lab.run(5)
    after(lab, Carrier(at=5.5, uplink="fiber", up=False))
    assert (fiber(lab).state, fiber(lab).alive) == (DOWN, False)
    assert fiber(lab).reason == "no carrier on wan1"
    lab.ways["fiber"].dead = lambda at, _: at < 8
    after(lab, Carrier(at=7.0, uplink="fiber", up=True), until=7.5)
    assert fiber(lab).reason == "no answer on 4 targets for 0.3 s"
    back = lab.when(40, lambda h: h.uplinks["fiber"].state is UP)
    assert back == pytest.approx(18.1, abs=0.2)


def test_an_answer_from_before_the_break_proves_nothing() -> None:
    config = lab_config()
    brain = begin(config, 0.0)
    for event in (
        ProbeSent(at=1.0, uplink="fiber", target=TARGETS[0]),
        Carrier(at=1.01, uplink="fiber", up=False),
        ProbeAnswered(at=1.02, uplink="fiber", target=TARGETS[0], sent_at=1.0, rtt_s=0.02),
    ):
        brain = step(brain, event, config)
    assert not brain.lines["fiber"].carrier
    for event in (
        ProbeSent(at=2.0, uplink="fiber", target=TARGETS[0]),
        ProbeAnswered(at=2.02, uplink="fiber", target=TARGETS[0], sent_at=2.0, rtt_s=0.02),
    ):
        brain = step(brain, event, config)
    assert brain.lines["fiber"].carrier, "a probe that went and came needs a cable"


def test_a_lost_address_is_waiting_and_says_what_lacks() -> None:
    lab = after(lab_of(), Addressed(at=3.0, uplink="fiber", ready=False, reason="lease is over"))
    assert (fiber(lab).state, fiber(lab).reason) == (WAITING, "lease is over")
    after(lab, Addressed(at=3.0, uplink="fiber", ready=False))
    assert fiber(lab).reason == "no address yet (static) on wan1"
    lab.run(8)
    assert fiber(lab).state is DOWN
    assert fiber(lab).reason == "answers again for 5.0 s; back after 10 s without fault"
    lab.run(14)
    assert (fiber(lab).state, fiber(lab).reason) == (UP, "4 of 4 targets answer")


def test_drain_and_restore() -> None:
    lab = after(lab_of(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="fiber"))
    assert (fiber(lab).state, fiber(lab).reason, fiber(lab).alive) == (
        DRAINED, "drained by hand", True,
    )  # fmt: skip
    assert lab.health.pins == {"show": "fiber"}
    after(lab, Restore(at=4.0, uplink="fiber"))
    assert (fiber(lab).state, lab.health.pins) == (UP, {})


def test_pins_are_set_moved_and_taken_off() -> None:
    config = lab_config()
    brain = begin(config, 0.0)
    for policy, uplink, pins in (
        ("show", "fiber", {"show": "fiber"}),
        ("show", "lte", {"show": "lte"}),
        ("nobody", "lte", {"show": "lte"}),
        ("guests", "dsl", {"show": "lte"}),
        ("show", None, {}),
    ):
        brain = step(brain, Pin(at=1.0, policy=policy, uplink=uplink), config)
        assert brain.pins == pins


def portal(at: float, target: str) -> tuple[ProbeSent, ProbeLost]:
    return (
        ProbeSent(at=at, uplink="fiber", target=target),
        ProbeLost(at=at + 0.05, uplink="fiber", target=target, sent_at=at, reason=Failure.PORTAL),
    )


def test_a_portal_is_not_up_unless_another_page_is_right() -> None:
    lab = lab_of(config=lab_config(health=PAGES))
    pages, dead = ("https://a.example/", "http://b.example/"), set()
    lab.ways["fiber"].dead = lambda _at, target: target in dead
    lab.run(3)
    after(lab, *portal(3.01, pages[0]), *portal(3.11, pages[0]), until=3.2)
    assert fiber(lab).state is UP, "the other page is right"
    dead |= set(pages)
    after(lab, *portal(4.5, pages[0]), *portal(4.6, pages[0]), *portal(4.7, pages[1]), until=5.0)
    assert fiber(lab).state is DEGRADED
    assert fiber(lab).left == {"show", "guests"}
    assert fiber(lab).alive
    assert "captive portal instead of https://a.example/" in fiber(lab).reason


@pytest.mark.parametrize(
    "failure, words",
    [
        (Failure.REFUSED, "refused on 4 targets for 0.8 s"),
        (Failure.UNSENT, "not sent on 4 targets for 0.8 s"),
    ],
)
def test_what_fails_at_once_is_no_sign_of_life(failure: Failure, words: str) -> None:
    lab = lab_of()
    lab.run(5)
    lab.ways["fiber"].dead = lambda _at, _target: True
    lab.ways["fiber"].failure = failure
    lab.run(5.45)
    assert (fiber(lab).state, fiber(lab).left) == (DEGRADED, {"show", "guests"})
    lab.run(5.85)
    assert (fiber(lab).state, fiber(lab).reason) == (DOWN, words)
    counted = readings(lab.brain, "fiber").loss_30s_percent
    assert counted == 0 if failure is Failure.UNSENT else counted > 20


def test_failures_of_unknown_probes_and_names_change_nothing() -> None:
    config = lab_config()
    brain = step(begin(config, 5.0), Tick(at=6), config)
    for event in (
        ProbeLost(at=6, uplink="fiber", target=TARGETS[0], sent_at=5, reason=Failure.SILENT),
        ProbeAnswered(at=6, uplink="fiber", target="icmp://192.0.2.1", sent_at=5, rtt_s=0.1),
        ProbeSent(at=6, uplink="fiber", target="icmp://192.0.2.1"),
        Carrier(at=6, uplink="dsl", up=False),
        Restore(at=6, uplink="dsl"),
        Tick(at=1),
    ):
        after_it = step(brain, event, config)
        assert (after_it.lines, after_it.at) == (brain.lines, 6)


def test_what_was_due_while_we_slept_is_nobodys_loss() -> None:
    lab = lab_of()
    lab.run(10)
    asleep = lab.brain
    for event in (
        ProbeSent(at=10.1, uplink="fiber", target=TARGETS[0]),
        Late(at=40.0, by_s=29.8),
        Tick(at=40.01),
    ):
        asleep = step(asleep, event, lab.config)
    assert asleep.lines["fiber"].state is UP
    assert asleep.lines["fiber"].run == 0
    assert asleep.lines["fiber"].pending == ()


def test_a_late_answer_takes_back_the_loss() -> None:
    lab = lab_of()
    lab.run(10)
    lab.ways["fiber"].delay = lambda at: 0.5 if at < 10.2 else 0.0
    lab.run(10.35)
    assert readings(lab.brain, "fiber").loss_1s_percent > 0
    assert pace(lab.brain, "fiber") == 0.0125
    lab.run(11)
    assert readings(lab.brain, "fiber").loss_30s_percent == 0


def test_an_interval_begins_again_when_the_configuration_names_another_line() -> None:
    lab = after(lab_of(), Drain(at=3.0, uplink="fiber"), Pin(at=3.1, policy="show", uplink="lte"))
    moved = lab_config(text=(TWO + SHOW).replace('"wan1"', '"wan9"'))
    kept = lab_config(text=TWO + SHOW.replace('loss = "2%"', 'loss = "3%"'))
    alone = lab_config(text=ONE + SHOW.replace(', "lte"', ""))
    assert renew(lab.brain, kept, 4.0).lines["fiber"].drained
    assert renew(lab.brain, kept, 4.0).pins == {"show": "lte"}
    assert not step(lab.brain, Tick(at=4.0), moved).lines["fiber"].drained
    less = step(lab.brain, Tick(at=4.0), alone)
    assert (set(less.lines), less.pins) == ({"fiber"}, {})
    assert set(step(less, Tick(at=5.0), kept).lines) == {"fiber", "lte"}
    assert changes(less, step(less, Tick(at=5.0), kept)) == ()


def test_what_is_known_at_the_start_is_kept() -> None:
    config = lab_config()
    look = first_look(config, facts_of(config))
    assert {n: x.state for n, x in begin_health(config, look).uplinks.items()} == {
        "fiber": UP, "lte": WAITING,
    }  # fmt: skip
    known = Health(
        uplinks={
            "fiber": UplinkHealth(state=DEGRADED, reason="loss"),
            "lte": UplinkHealth(state=DOWN, reason="silent", alive=False),
        },
        pins={"show": "lte", "gone": "fiber"},
    )
    kept = begin_health(config, known)
    assert [kept.uplinks[name].state for name in ("fiber", "lte")] == [UP, DOWN]
    assert kept.uplinks["fiber"].reason == "not probed yet"
    assert kept.pins == {"show": "lte"}
    assert not same(kept, begin_health(config, look))


def begin_health(config: Config, known: Health) -> Health:
    return health(begin(config, 0.0, known), config)


def test_changes_tell_states_and_policies() -> None:
    lab = lab_of()
    lab.run(5)
    before = lab.brain
    after(lab, Carrier(at=5.5, uplink="fiber", up=False))
    (change,) = changes(before, lab.brain)
    assert (change.uplink, change.before, change.after) == ("fiber", UP, DOWN)
    assert (change.reason, change.at) == ("no carrier on wan1", lab.brain.at)
    assert changes(lab.brain, lab.brain) == ()


def test_the_round_trip_is_shown_while_our_own_queue_is_full() -> None:
    lab = lab_of(rtt_s=0.03)
    lab.put(0.001, QueueFull(at=0.001, uplink="fiber", full=True))
    lab.run(60)
    shown = readings(lab.brain, "fiber")
    assert shown.rtt_ms == pytest.approx(31, abs=2)
    assert (shown.jitter_ms, shown.loss_percent) == (None, None), "those would be judged"
    lab.ways["fiber"].dead = lambda _at, _target: True
    lab.run(70)
    assert readings(lab.brain, "fiber").rtt_ms is None, "nothing comes back any more"


def test_our_own_full_queue_is_not_judged() -> None:
    lab = lab_of(each_way=0.2)
    lab.put(0.001, QueueFull(at=0.001, uplink="fiber", full=True))
    lab.run(60)
    assert (fiber(lab).left, readings(lab.brain, "fiber").loss_percent) == (frozenset(), None)
    lab.put(60.1, QueueFull(at=60.1, uplink="fiber", full=False))
    lab.run(61)
    assert readings(lab.brain, "fiber").loss_percent is None, "its last probes are on their way"
    assert lab.when(75, lambda h: "show" in h.uplinks["fiber"].left) is not None


@pytest.mark.parametrize(
    "gone, carrier, state, alive",
    [((), True, UP, True), ((), False, DOWN, False), (("wan1",), True, WAITING, False)],
)
def test_a_first_look_judges_by_the_interface_alone(
    *, gone: tuple[str, ...], carrier: bool, state: UplinkState, alive: bool
) -> None:
    config = lab_config()
    found = first_look(config, facts_of(config, without=gone, carrier=carrier)).uplinks["fiber"]
    assert (found.state, found.alive) == (state, alive)
