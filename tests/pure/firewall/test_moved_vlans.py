"""Whose established flows move with a change of health."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.firewall.moved_vlans import MovedFlows, has_unfit_uplink, newly_moved_flows
from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import told
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

V4, V6 = AddressFamily.V4, AddressFamily.V6
UP, DOWN, DRAINED = UplinkState.UP, UplinkState.DOWN, UplinkState.DRAINED

CONFIG = config_of(
    TWO_LINES.replace("metered = true", 'address6 = "2001:db8:2::2/64"\ngateway6 = "2001:db8:2::1"')
    + """
[vlans.alone]
port = "lan4"
address = "10.10.50.1/24"
policy = "one"

[policies.one]
mode = "failover"
uplinks = ["fiber"]
"""
)
"""Each VLAN can go by both lines, in both families; `alone` by rule as well."""

NO_RULES = CONFIG.model_copy(update={"rules": ()})
FACTS = facts_of(CONFIG)


def _moved(before: GatewayHealth, after: GatewayHealth) -> dict[tuple[str, str], set[str]]:
    found = newly_moved_flows(NO_RULES, before, after, FACTS)
    return {(each.uplink, each.family.value): set(each.vlans) for each in found}


EVERYBODY = {"stream", "guests", "desk"}


@pytest.mark.parametrize(
    "before, after, expected",
    [
        ({}, {}, {}),
        ({}, {"fiber": DOWN}, {("fiber", "ip"): EVERYBODY, ("fiber", "ip6"): EVERYBODY}),
        ({"fiber": DOWN}, {"fiber": DOWN}, {}),
        ({"fiber": DOWN}, {"fiber": DOWN, "lte": DOWN}, {}),
        # the line was lost when there was no other; now there is
        (
            {"fiber": DOWN, "lte": DOWN},
            {"fiber": DOWN},
            {("fiber", "ip"): EVERYBODY, ("fiber", "ip6"): EVERYBODY},
        ),
        ({}, {"fiber": DRAINED}, {}),
    ],
)
def test_flows_move_when_their_line_is_lost_and_another_one_is_there(
    before: dict[str, UplinkState],
    after: dict[str, UplinkState],
    expected: dict[tuple[str, str], set[str]],
) -> None:
    assert _moved(health_of(CONFIG, **before), health_of(CONFIG, **after)) == expected


def test_a_rule_can_give_a_vlan_somewhere_to_go() -> None:
    lost = health_of(CONFIG, fiber=DOWN)
    found = newly_moved_flows(CONFIG, health_of(CONFIG), lost, FACTS)
    assert all(each.vlans == {*EVERYBODY, "alone"} for each in found)


def test_a_family_that_is_lost_moves_by_itself() -> None:
    up = health_of(CONFIG)
    families = {
        V4: FamilyHealth(state=UP, why=told("answers")),
        V6: FamilyHealth(state=DOWN, why=told("silent"), alive=False),
    }
    fiber = replace(up.uplinks["fiber"], families=families)
    after = replace(up, uplinks={**up.uplinks, "fiber": fiber})
    assert set(_moved(up, after)) == {("fiber", "ip6")}


def test_a_drain_of_living_flows_moves_them_and_an_uplink_without_health_moves_nothing() -> None:
    up = health_of(CONFIG)
    fiber = replace(up.uplinks["fiber"], state=DRAINED, drained=True, move_flows=True)
    after = replace(up, uplinks={"fiber": fiber, "lte": up.uplinks["lte"]})
    assert set(_moved(up, after)) == {("fiber", "ip"), ("fiber", "ip6")}
    assert _moved(up, replace(up, uplinks={"lte": up.uplinks["lte"]})) == {}


def test_whether_any_uplink_is_left_at_all() -> None:
    assert not has_unfit_uplink(health_of(CONFIG, fiber=DRAINED))
    assert has_unfit_uplink(health_of(CONFIG, lte=UplinkState.WAITING))


states = st.sampled_from(list(UplinkState))


@given(before=st.tuples(states, states), after=st.tuples(states, states))
def test_no_client_is_told_that_has_nowhere_to_go(
    before: tuple[UplinkState, UplinkState], after: tuple[UplinkState, UplinkState]
) -> None:
    old, new = (health_of(CONFIG, fiber=one, lte=other) for one, other in (before, after))
    for each in newly_moved_flows(NO_RULES, old, new, FACTS):
        assert isinstance(each, MovedFlows)
        assert new.uplinks[each.uplink].state in (DOWN, UplinkState.WAITING)
        for vlan in each.vlans:
            policy = NO_RULES.policies[NO_RULES.vlans[vlan].policy]
            shares = select_uplinks(NO_RULES, policy, new, each.family, FACTS)
            assert [share.uplink for share in shares if share.uplink != each.uplink]
