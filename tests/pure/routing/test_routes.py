"""Routes and rules: what the kernel looks up, and in which order."""

from ipaddress import ip_address, ip_interface

import pytest

from lbrouter.compile.routing.interface_addresses import addresses
from lbrouter.compile.routing.routes import UNREACHABLE_METRIC, routes, rules
from lbrouter.compile.routing.uplink_addressing import has_nexthop, uplink_nexthop
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily, KernelState, Rule
from lbrouter.model.reserved_ids import GATEWAY_TABLE, ROUTE_TABLES, RULE_PRIORITIES
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of, health_of

CONFIG = config_of(TWO_LINES)
STATE = desired_of(CONFIG)

IDENTICAL = config_of("""
[gateway]
name = "twins"
[uplinks.a]
interface = "wan1"
address = "192.168.1.2/24"
gateway = "192.168.1.1"
[uplinks.b]
interface = "wan2"
address = "192.168.1.2/24"
gateway = "192.168.1.1"
""")

EXTERNAL = config_of("""
[gateway]
name = "watched"
[uplinks.a]
interface = "wan1"
address = "external"
""")


def _rule(priority: int, family: AddressFamily = AddressFamily.V4) -> Rule:
    return next(r for r in STATE.rules if r.priority == priority and r.family is family)


def test_what_is_connected_is_looked_up_first_but_no_default_of_main() -> None:
    first = min(rule.priority for rule in STATE.rules if not rule.in_interface)
    assert _rule(first).table == 254
    assert _rule(first).suppress_prefix_length == 0


def test_each_mark_has_its_table_and_an_unreachable_rule_right_behind() -> None:
    for number in (1, 2):
        mark = _rule(10030 + 2 * number)
        guard = _rule(10031 + 2 * number)
        assert (mark.table, mark.mark >> 24) == (GATEWAY_TABLE + number, number)
        assert (guard.table, guard.mark, guard.mask) == (0, mark.mark, mark.mask)


def test_numbers_stay_within_what_is_ours() -> None:
    assert all(rule.priority in RULE_PRIORITIES for rule in STATE.rules)
    assert all(route.table in ROUTE_TABLES for route in STATE.routes)


def test_no_table_of_an_uplink_is_ever_empty() -> None:
    bare = facts_of(CONFIG, without=("wan1", "wan2"))
    allocation = allocate(CONFIG, Allocation())
    states = {"fiber": UplinkState.WAITING, "lte": UplinkState.WAITING}
    found = routes(CONFIG, allocation=allocation, health=health_of(CONFIG, **states), facts=bare)
    assert {route.table for route in found} == {7001, 7002}
    assert all(route.metric == UNREACHABLE_METRIC and not route.interface for route in found)


def test_the_own_table_follows_the_best_line() -> None:
    def default(state: KernelState) -> str:
        return next(
            route.interface
            for route in state.routes
            if route.table == GATEWAY_TABLE and route.gateway and route.family is AddressFamily.V4
        )

    assert default(STATE) == "wan1"
    dead = desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN))
    assert default(dead) == "wan2"


def test_identical_uplinks_keep_their_routes_apart() -> None:
    state = desired_of(IDENTICAL)
    own = [route for route in state.routes if route.table == GATEWAY_TABLE and not route.gateway]
    assert {(route.interface, route.metric) for route in own} == {("wan1", 1), ("wan2", 2)}
    for number, device in ((1, "wan1"), (2, "wan2")):
        there = {
            r.interface for r in state.routes if r.table == GATEWAY_TABLE + number and r.interface
        }
        assert there == {device}


def test_an_uplinks_own_subnet_stays_out_of_main() -> None:
    held = {a.interface: a.prefix_route for a in STATE.addresses if a.address.version == 4}
    assert held == {"wan1": False, "wan2": False, "lan1": True, "lan2": True, "lan3": True}


def test_an_address_that_somebody_else_set_is_used_and_not_added() -> None:
    facts = facts_of(CONFIG)
    theirs = ip_interface("203.0.113.2/30")
    found = dict(facts.interfaces)
    found["wan1"] = InterfaceFacts(
        name="wan1", index=2, up=True, carrier=True, mtu=1500, foreign_addresses=(theirs,)
    )
    added = addresses(CONFIG, Facts(interfaces=found), frozenset())
    assert theirs not in {address.address for address in added}
    assert "wan2" in {address.interface for address in added}


def test_no_address_is_added_to_what_is_not_there() -> None:
    added = addresses(CONFIG, facts_of(CONFIG, without=("wan2", "lan3")), frozenset({"lan3"}))
    assert {address.interface for address in added} == {"wan1", "lan1", "lan2", "lan3"}


@pytest.mark.parametrize("length, onlink", [(30, False), (32, True)])
def test_a_next_hop_outside_of_the_subnet_is_reached_on_link(length: int, *, onlink: bool) -> None:
    config = config_of(TWO_LINES.replace('"203.0.113.2/30"', f'"203.0.113.2/{length}"'))
    nexthop = uplink_nexthop(config.uplinks["fiber"], AddressFamily.V4, facts_of(config))
    assert nexthop is not None
    assert nexthop.onlink is onlink


def test_a_link_local_next_hop_needs_no_onlink() -> None:
    config = config_of(TWO_LINES.replace('"2001:db8:1::1"', '"fe80::1"'))
    nexthop = uplink_nexthop(config.uplinks["fiber"], AddressFamily.V6, facts_of(config))
    assert nexthop is not None
    assert not nexthop.onlink


def test_an_external_uplink_takes_what_the_machine_says() -> None:
    uplink = EXTERNAL.uplinks["a"]
    assert not has_nexthop(uplink, AddressFamily.V4, facts_of(EXTERNAL))
    found = InterfaceFacts(
        name="wan1",
        index=2,
        up=True,
        carrier=True,
        mtu=1500,
        addresses=(ip_interface("fe80::9/64"), ip_interface("10.0.0.9/24")),
        gateways=(ip_address("10.0.0.1"),),
    )
    facts = Facts(interfaces={"wan1": found})
    nexthop = uplink_nexthop(uplink, AddressFamily.V4, facts)
    assert nexthop is not None
    assert (str(nexthop.address), str(nexthop.gateway)) == ("10.0.0.9/24", "10.0.0.1")
    assert not has_nexthop(uplink, AddressFamily.V6, facts)


def test_without_ipv6_in_the_file_there_is_none_in_the_kernel() -> None:
    assert {rule.family for rule in desired_of(IDENTICAL).rules} == {AddressFamily.V4}
    assert {rule.family for rule in STATE.rules} == {AddressFamily.V4, AddressFamily.V6}
    allocation = allocate(CONFIG, Allocation())
    assert len(rules(CONFIG, allocation)) == 2 * (2 + 4 * len(CONFIG.uplinks))
