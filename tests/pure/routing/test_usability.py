"""Whether a flow may use a line: each state, family, drain, carrier and next hop."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lbrouter.compile.routing.balance import gateway_uplink, select_uplinks
from lbrouter.compile.routing.uplink_addressing import nexthops
from lbrouter.compile.routing.usability import (
    LineGrade,
    Usability,
    is_dead,
    line_grade,
    nexthop_answers,
    usability,
)
from lbrouter.model.facts import Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import told
from tests.kit.builders import TWO_LINES, config_of, facts_of

CONFIG = config_of(TWO_LINES.replace("metered = true", ""))
FACTS = facts_of(CONFIG)
HEARD = frozenset({("wan1", ip_address("203.0.113.1")), ("wan2", ip_address("198.51.100.1"))})
V4, V6 = AddressFamily.V4, AddressFamily.V6
UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
WAITING, DRAINED = UplinkState.WAITING, UplinkState.DRAINED
SHOW = frozenset({"show"})


def line(state: UplinkState = UP, **more: object) -> UplinkHealth:
    return replace(UplinkHealth(state=state, why=told("said so")), **more)


def health(fiber: UplinkHealth, lte: UplinkHealth | None = None, **pins: str) -> GatewayHealth:
    return GatewayHealth(uplinks={"fiber": fiber, "lte": lte or line()}, pins=pins)


def facts(*, heard: bool) -> Facts:
    return replace(FACTS, answering_nexthops=HEARD if heard else frozenset())


GRADES = [
    (line(UP), False, LineGrade.FIT),
    (line(DEGRADED, excluded_policies=frozenset({"spread"})), False, LineGrade.FIT),
    (line(DEGRADED, excluded_policies=SHOW), False, LineGrade.IMPAIRED),
    (line(DEGRADED, excluded_policies=SHOW, alive=False), True, LineGrade.NEXTHOP_ANSWERS),
    (line(DOWN), False, LineGrade.UNPROVEN),
    (line(DOWN, alive=False), True, LineGrade.NEXTHOP_ANSWERS),
    (line(DOWN, badness=1000.0), False, LineGrade.NEXTHOP_ANSWERS),
    (line(DOWN, alive=False), False, LineGrade.UNUSABLE),
    (line(DOWN, alive=False, carrier=False), True, LineGrade.UNUSABLE),
    (line(DRAINED), True, LineGrade.UNUSABLE),
    (line(UP, drained=True), True, LineGrade.UNUSABLE),
    (line(DOWN, drained=True), True, LineGrade.UNUSABLE),
]


@pytest.mark.parametrize("fiber, heard, expected", GRADES)
def test_a_line_is_graded_by_state_carrier_drain_and_next_hop(
    fiber: UplinkHealth, *, heard: bool, expected: LineGrade
) -> None:
    known = health(fiber)
    found = line_grade(CONFIG, "fiber", V4, known, facts(heard=heard), policy="show")
    assert found is expected
    short = usability(CONFIG, "fiber", V4, known, facts(heard=heard), policy="show")
    assert (short is Usability.FIT) == (expected is LineGrade.FIT)
    assert (short is Usability.UNUSABLE) == (expected is LineGrade.UNUSABLE)


def test_each_family_is_judged_by_itself() -> None:
    families = {
        V4: FamilyHealth(state=UP, why=told("")),
        V6: FamilyHealth(state=DOWN, why=told(""), alive=False),
    }
    known = health(line(UP, families=families))
    assert usability(CONFIG, "fiber", V4, known, FACTS, policy="show") is Usability.FIT
    assert usability(CONFIG, "fiber", V6, known, FACTS, policy="show") is Usability.UNUSABLE
    assert is_dead(CONFIG, "fiber", V6, known, FACTS)
    assert not is_dead(CONFIG, "fiber", V4, known, FACTS)


def test_a_line_without_the_family_never_carries_it() -> None:
    known = health(line(), line())
    assert usability(CONFIG, "lte", V6, known, facts(heard=True), policy="show") is (
        Usability.UNUSABLE
    )
    assert is_dead(CONFIG, "lte", V6, known, FACTS)


def test_next_hops_are_those_of_each_line_and_family() -> None:
    assert set(nexthops(CONFIG, FACTS)) == {
        ("wan1", ip_address("203.0.113.1")),
        ("wan1", ip_address("2001:db8:1::1")),
        ("wan2", ip_address("198.51.100.1")),
    }
    assert nexthop_answers(CONFIG, "fiber", V4, facts(heard=True))
    assert not nexthop_answers(CONFIG, "fiber", V4, facts(heard=False))
    assert not nexthop_answers(CONFIG, "lte", V6, facts(heard=True))


def test_a_session_stands_for_its_next_hop() -> None:
    text = TWO_LINES.replace(
        'interface = "wan2"\naddress = "198.51.100.2/30"\ngateway = "198.51.100.1"',
        'interface = "wan2"\naddress = "pppoe"\nusername = "u"\npassword_file = "/etc/s"',
    )
    config = config_of(text)
    device = config.uplinks["lte"].device
    bare = facts_of(config)
    ppp = replace(bare.interfaces[device], addresses=(config.uplinks["fiber"].static4,))
    there = replace(bare, interfaces={**bare.interfaces, device: ppp})
    known = health(line(), line(DOWN, alive=False))
    grade = line_grade(config, "lte", V4, known, there, policy="show")
    assert grade is LineGrade.NEXTHOP_ANSWERS
    assert line_grade(config, "lte", V4, known, bare, policy="show") is LineGrade.UNUSABLE


@pytest.mark.parametrize(
    "fiber, dead",
    [
        (line(UP), False),
        (line(DEGRADED, excluded_policies=SHOW), False),
        (line(DOWN), True),
        (line(WAITING, alive=False), True),
        (line(DRAINED), False),
        (line(DRAINED, alive=False), True),
        (line(DRAINED, carrier=False), True),
        (line(DOWN, drained=True, alive=False), True),
    ],
)
def test_what_lives_on_a_line_is_lost_when_it_is_dead_drained_or_not(
    fiber: UplinkHealth, *, dead: bool
) -> None:
    assert is_dead(CONFIG, "fiber", V4, health(fiber), FACTS) is dead


def _chosen(known: GatewayHealth, *, heard: bool = False, policy: str = "show") -> list[str]:
    found = select_uplinks(CONFIG, CONFIG.policies[policy], known, V4, facts(heard=heard))
    return [share.uplink for share in found]


PINS = [
    # (fiber, lte, what a pin of show to lte gives, what no pin gives)
    (line(), line(), ["lte"], ["fiber"]),
    (line(), line(DOWN), ["fiber"], ["fiber"]),
    (line(), line(DRAINED), ["fiber"], ["fiber"]),
    (line(), line(DEGRADED, excluded_policies=SHOW), ["fiber"], ["fiber"]),
    (line(DOWN), line(DOWN), ["lte"], ["fiber"]),
    (line(DOWN), line(DOWN, alive=False), ["fiber"], ["fiber"]),
    (line(DOWN, alive=False), line(DOWN), ["lte"], ["lte"]),
]


@pytest.mark.parametrize("fiber, lte, pinned, free", PINS)
def test_a_pin_is_never_worse_than_no_pin(
    fiber: UplinkHealth, lte: UplinkHealth, pinned: list[str], free: list[str]
) -> None:
    assert _chosen(health(fiber, lte, show="lte"), heard=True) == pinned
    assert _chosen(health(fiber, lte), heard=True) == free


def test_the_least_bad_line_is_the_one_that_proved_most() -> None:
    lossy = line(DEGRADED, excluded_policies=SHOW, badness=3.0)
    worse = line(DEGRADED, excluded_policies=SHOW, badness=40.0)
    back, silent = line(DOWN, badness=50.0), line(DOWN, alive=False)
    assert _chosen(health(worse, lossy)) == ["lte"]
    assert _chosen(health(lossy, back)) == ["lte"]
    assert _chosen(health(silent, worse), heard=True) == ["lte"]
    assert _chosen(health(silent, line(DRAINED)), heard=True) == ["fiber"]
    assert _chosen(health(silent, line(DRAINED))) == []


def test_lines_that_are_not_proven_yet_share_by_weight() -> None:
    back = health(line(DOWN), line(DOWN))
    assert _chosen(back, policy="spread") == ["fiber", "lte"]
    assert _chosen(back) == ["fiber"]
    silent = health(line(DOWN, alive=False), line(DOWN, alive=False))
    assert _chosen(silent, heard=True, policy="spread") == ["fiber"]


OWN = [
    (line(DEGRADED, badness=40.0), line(DEGRADED, badness=3.0), "lte"),
    (line(DRAINED), line(DEGRADED, badness=30.0), "lte"),
    (line(DRAINED), line(DOWN, alive=False), "fiber"),
    (line(DRAINED, alive=False), line(DOWN, alive=False), "lte"),
    (line(DOWN), line(DOWN, alive=False), "fiber"),
    (line(DRAINED, badness=9.0), line(DRAINED, badness=1.0), "lte"),
]


@pytest.mark.parametrize("fiber, lte, expected", OWN)
def test_the_gateways_own_traffic_takes_the_least_bad_and_a_drained_one_last(
    fiber: UplinkHealth, lte: UplinkHealth, expected: str
) -> None:
    assert gateway_uplink(CONFIG, health(fiber, lte), V4, FACTS) == expected


def test_the_gateways_own_traffic_takes_a_metered_line_before_a_bad_one() -> None:
    config = config_of(TWO_LINES)
    bad = health(line(DEGRADED, badness=3.0))
    assert gateway_uplink(config, health(line()), V4, FACTS) == "fiber"
    assert gateway_uplink(config, bad, V4, FACTS) == "lte"
