"""Health of each family by itself: its targets, who follows whom, one dead and one alive."""

from typing import Any

import pytest

from lbrouter.compile.health import (
    current_health,
    next_deadline,
    probe_interval_s,
    uplink_changes,
    uplink_readings,
)
from lbrouter.compile.health.family_targets import targets_of, uplink_families
from lbrouter.model.events import (
    AddressingChanged,
    CarrierChanged,
    Drain,
    NexthopSeen,
    ProbeAnswered,
    ProbeSent,
    RepliesSeen,
)
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import told
from tests.kit.dual_stack import DUAL_LINES, V4, V6, DualStack, dual_config
from tests.kit.health_simulation import simulation_config

WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState

SIX_ALONE = """
[gateway]
name = "lab"
[uplinks.fiber]
interface = "wan1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"
[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""


@pytest.mark.parametrize(
    "named, four, six",
    [
        (["icmp://1.1.1.1"], ["icmp://1.1.1.1"], (["icmp://[2606:4700:4700::1111]"], True)),
        (["icmp://192.0.2.1"], ["icmp://192.0.2.1"], ([], True)),
        (
            ["icmp://192.0.2.1", "icmp://[2001:db8::1]"],
            ["icmp://192.0.2.1"],
            (["icmp://[2001:db8::1]"], False),
        ),
        (
            ["https://a.example/", "dns://9.9.9.9"],
            ["https://a.example/", "dns://9.9.9.9"],
            (["https://a.example/", "dns://[2620:fe::fe]"], True),
        ),
    ],
)
def test_targets_of_each_family(
    named: list[str], four: list[str], six: tuple[list[str], bool]
) -> None:
    config = dual_config(health=f"targets = {named}".replace("'", '"'))
    fiber = config.uplinks["fiber"]
    found = [targets_of(config, fiber, family) for family in (V4, V6)]
    assert [list(map(str, each.targets)) for each in found] == [four, six[0]]
    assert [each.implied for each in found] == [False, six[1]]


def test_a_file_that_names_only_the_other_family_still_tests_ipv4_by_twins() -> None:
    config = dual_config(health='targets = ["icmp://[2620:fe::fe]"]')
    found = targets_of(config, config.uplinks["fiber"], V4)
    assert ([str(x) for x in found.targets], found.implied) == (["icmp://9.9.9.9"], True)


@pytest.mark.parametrize(
    "named, used",
    [
        ("icmp://1.1.1.1", "icmp://[2606:4700:4700::1111]"),
        ("icmp://192.0.2.1", "icmp://192.0.2.1"),
        ("https://a.example/", "https://a.example/"),
    ],
)
def test_a_line_with_ipv6_alone_is_judged_by_what_there_is(named: str, used: str) -> None:
    config = simulation_config(text=SIX_ALONE, health=f'targets = ["{named}"]')
    fiber = config.uplinks["fiber"]
    assert uplink_families(fiber) == (V6,)
    found = targets_of(config, fiber, V6)
    assert ([str(x) for x in found.targets], found.implied) == ([used], False)
    lab = DualStack(config)
    lab.run(1)
    assert set(current_health(lab.state, config).uplinks["fiber"].families) == {V6}


@pytest.mark.parametrize("dead, lives", [(V6, V4), (V4, V6)])
def test_a_family_that_dies_alone_is_down_within_a_second(
    dead: AddressFamily, lives: AddressFamily
) -> None:
    lab = DualStack(dual_config())
    lab.run(5)
    before = lab.state
    lab.dead = {("fiber", dead)}
    lab.run(1)
    assert (lab.family("fiber", dead).state, lab.family("fiber", lives).state) == (DOWN, UP)
    assert lab.family("fiber", dead).reason_code == ReasonCode.NO_ANSWER
    own = current_health(lab.state, lab.config).uplinks["fiber"]
    assert (own.state, own.alive) == (UP, True)
    assert f"; IPv{dead.version}: no answer on" in own.reason
    (change,) = uplink_changes(before, lab.state)
    assert (change.family, change.before, change.after) == (dead, UP, DOWN)
    assert lab.family("lte", dead).state is UP
    lab.dead = set()
    lab.run(12)
    assert lab.family("fiber", dead).state is UP


def test_a_family_without_any_answer_ever_follows_the_other() -> None:
    lab = DualStack(dual_config(health=""), dead={("fiber", V6), ("lte", V6)})
    lab.run(6)
    six = lab.family("fiber", V6)
    assert (six.state, six.reason_code) == (UP, ReasonCode.FOLLOWS_OTHER_FAMILY)
    assert six.reason == "no IPv6 target has ever answered; as IPv4: 4 of 4 targets answer"
    assert probe_interval_s(lab.state, "fiber", V6) == 0.2, "what is missing asks no faster"
    lab.dead |= {("fiber", V4)}
    lab.run(2)
    assert [lab.family("fiber", family).state for family in (V4, V6)] == [DOWN, DOWN]
    lab.dead = {("lte", V6)}
    lab.run(3)
    assert lab.family("lte", V6).state is DOWN, "the same target answered by the other line"
    assert lab.family("lte", V4).state is UP


def test_the_first_answer_of_a_follower_judges_it_at_once() -> None:
    lab = DualStack(dual_config(health=""), dead={("fiber", V6), ("lte", V6)})
    lab.run(1)
    before = lab.state
    lab.dead = {("lte", V6)}
    lab.run(0.1)
    six = lab.family("fiber", V6)
    assert (six.state, six.reason) == (UP, "1 of 4 targets answer")
    told = [(each.uplink, each.family, each.after) for each in uplink_changes(before, lab.state)]
    assert told == [("lte", V6, CHECKING)], "what worked as IPv4 did, and answers, has not changed"


def test_a_late_first_answer_from_before_a_break_does_not_judge_a_follower() -> None:
    lab = DualStack(dual_config(health=""), dead={("fiber", V6), ("lte", V6)})
    lab.run(1)
    which: dict[str, Any] = {"uplink": "fiber", "family": V6}
    which["target"] = lab.state.lines["fiber", V6].settings.targets[0]
    sent_at = lab.state.at
    lab.put(ProbeSent(at=sent_at, **which))
    for up in (False, True):
        lab.put(CarrierChanged(at=sent_at + 0.01, uplink="fiber", up=up))
    lab.put(ProbeAnswered(at=sent_at + 0.02, sent_at=sent_at, rtt_s=0.02, **which))
    assert lab.family("fiber", V6).state is CHECKING


def test_a_follower_without_an_address_waits_and_one_beside_such_is_checked() -> None:
    lab = DualStack(dual_config(health=""), dead={("fiber", V6), ("lte", V6)})
    lab.run(3)
    lab.put(AddressingChanged(at=lab.state.at, uplink="fiber", ready=False, family=V6))
    assert lab.family("fiber", V6).state is WAITING
    lab.put(
        AddressingChanged(
            at=lab.state.at, uplink="lte", ready=False, family=V4, reason=told("no lease")
        )
    )
    assert (lab.family("lte", V4).state, lab.family("lte", V6).state) == (WAITING, CHECKING)


def test_events_of_a_whole_line_concern_both_families() -> None:
    lab = DualStack(dual_config())
    lab.run(3)
    lab.put(Drain(at=lab.state.at, uplink="fiber", move_flows=True))
    own = current_health(lab.state, lab.config).uplinks["fiber"]
    assert (own.state, own.drained, own.move_flows) == (DRAINED, True, True)
    lab.put(CarrierChanged(at=lab.state.at, uplink="fiber", up=False))
    assert [lab.family("fiber", family).state for family in (V4, V6)] == [DOWN, DOWN]
    own = current_health(lab.state, lab.config).uplinks["fiber"]
    assert (own.carrier, own.drained, own.alive) == (False, True, False)


def test_replies_of_one_family_hold_no_verdict_of_the_other() -> None:
    lab = DualStack(dual_config())
    lab.run(5)
    lab.dead = {("fiber", V4), ("fiber", V6)}
    for _ in range(12):
        lab.run(0.1)
        lab.put(RepliesSeen(at=lab.state.at, uplink="fiber", family=V4))
    assert [lab.family("fiber", family).state for family in (V4, V6)] == [DEGRADED, DOWN]


EXTERNAL = DUAL_LINES.replace(
    'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n', 'address = "external"\n'
)
EXTERNAL = EXTERNAL.replace('address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n', "")


def test_an_external_line_has_the_families_that_the_system_gave_it() -> None:
    lab = DualStack(dual_config(lines=EXTERNAL))
    families = lambda: set(current_health(lab.state, lab.config).uplinks["fiber"].families)  # noqa: E731
    assert families() == {V4}
    lab.put(AddressingChanged(at=0.1, uplink="fiber", ready=True, family=V6))
    assert families() == {V6}
    lab.put(AddressingChanged(at=0.2, uplink="fiber", ready=True, family=V4))
    assert families() == {V4, V6}


def test_ipv6_by_router_advertisements_says_so_while_it_waits() -> None:
    lines = DUAL_LINES.replace('"2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"', '"auto"')
    lab = DualStack(dual_config(lines=lines))
    lab.put(AddressingChanged(at=0.1, uplink="fiber", ready=False, family=V6))
    assert lab.family("fiber", V6).reason == "no address yet (router advertisements) on wan1"
    with pytest.raises(KeyError):
        uplink_readings(lab.state, "nobody")


def test_a_dead_line_whose_next_hop_answers_is_the_very_last_resort() -> None:
    lab = DualStack(dual_config())
    lab.run(3)
    lab.dead = {("fiber", V4)}
    lab.run(3)
    dead = lab.family("fiber", V4)
    assert (dead.state, dead.alive) == (DOWN, False)
    lab.put(NexthopSeen(at=lab.state.at, uplink="fiber", family=V4))
    dead, lossy = lab.family("fiber", V4), lab.family("lte", V4)
    assert (dead.state, dead.alive) == (DOWN, True)
    assert dead.badness > lossy.badness + 500
    due = next_deadline(lab.state)
    assert due is not None and due <= lab.state.at + 3
    lab.run(4)
    assert not lab.family("fiber", V4).alive
    assert uplink_readings(lab.state, "fiber").rtt_ms is not None, "of the family that lives"
    lab.dead |= {("fiber", V6)}
    lab.run(3)
    assert uplink_readings(lab.state, "fiber").rtt_ms is None
