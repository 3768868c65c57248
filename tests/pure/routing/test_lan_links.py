"""A trunk or a port that is missing: the desired state without it, and the warnings."""

from dataclasses import replace
from ipaddress import ip_network

from lbrouter.compile.routing.lan_links import (
    missing_ports,
    missing_vlan_support,
    port_changes,
    vlan_unreachable_reason,
)
from lbrouter.compile.routing.uplink_addressing import stable_facts
from lbrouter.compile.routing.venue_routes import inside_routes
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.desired import desired_state
from lbrouter.compile.state.diff import diff
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import Address, KernelState, LinkAdminState
from lbrouter.model.messages.message import Message
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

CONFIG = config_of(
    TWO_LINES.replace('port = "lan1"', "id = 10").replace('port = "lan2"', "id = 40")
    + '\n[lan]\ntrunk = "lan0"\n'
)
"""Two VLANs on a trunk, and the desk on a port of its own."""


def desired(facts: Facts) -> KernelState:
    return desired_state(
        CONFIG,
        allocation=allocate(CONFIG, Allocation()),
        health=health_of(CONFIG),
        facts=stable_facts(CONFIG, facts),
        baseline=KernelState(),
    )


def test_without_the_trunk_nothing_is_wanted_on_it_and_all_else_stays() -> None:
    whole, alone = desired(facts_of(CONFIG)), desired(facts_of(CONFIG, without=("lan0",)))
    nouns = (*alone.devices, *alone.links, *alone.addresses, *alone.qdiscs, *alone.redirects)
    assert not [noun for noun in nouns if "lan0" in str(noun.key)]
    assert {noun.interface for noun in alone.addresses} == {"wan1", "wan2", "lan3"}
    assert (alone.rules, alone.routes) == (whole.rules, whole.routes)
    assert diff(alone, whole)


def test_a_device_that_the_trunk_left_behind_is_taken_away_and_not_raised() -> None:
    """It is down, since what is below it is, and the kernel refuses to raise it."""
    whole = desired(facts_of(CONFIG))
    links = {replace(x, up=x.interface not in {"lan0.10", "lan0.40"}) for x in whole.links}
    left = replace(whole, links=frozenset(x for x in links if x.interface != "lan0"))
    steps = diff(left, desired(facts_of(CONFIG, without=("lan0",))))
    said = [command_line(step) for step in steps.operations]
    assert {"ip link del lan0.10", "ip link del lan0.40"} <= set(said)
    assert not [each for each in said if "set lan0" in each]


def test_with_the_trunk_all_of_it_is_wanted_again() -> None:
    state = desired(facts_of(CONFIG))
    assert {device.name for device in state.devices} >= {"lan0.10", "lan0.40"}
    assert LinkAdminState(interface="lan0.10", up=True) in state.links
    stream = CONFIG.vlans["stream"].address
    assert Address(interface="lan0.10", address=stream) in state.addresses


def test_what_is_missing_is_reported_in_one_sentence() -> None:
    assert missing_ports(CONFIG, facts_of(CONFIG)) == {}
    found = missing_ports(CONFIG, facts_of(CONFIG, without=("lan0", "lan3")))
    assert {port: str(each) for port, each in found.items()} == {
        "lan0": "the trunk lan0 is not there: VLANs stream, guests wait",
        "lan3": "port lan3 is not there: VLAN desk waits",
    }


def texts(changes: list[tuple[str, Message]]) -> list[tuple[str, str]]:
    return [(port, str(each)) for port, each in changes]


def test_it_is_reported_once_when_it_goes_and_once_when_it_is_back() -> None:
    gone = missing_ports(CONFIG, facts_of(CONFIG, without=("lan3",)))
    assert texts(port_changes({}, gone)) == [("lan3", "port lan3 is not there: VLAN desk waits")]
    assert port_changes(gone, gone) == []
    assert texts(port_changes(gone, {})) == [("lan3", "lan3 is there again")]


def test_a_vlan_says_why_its_clients_are_not_reached() -> None:
    vlans = CONFIG.vlans
    whole, none = facts_of(CONFIG), facts_of(CONFIG, without=("lan0",))
    assert [vlan_unreachable_reason(CONFIG, vlan, whole) for vlan in vlans.values()] == [None] * 3
    assert (
        str(vlan_unreachable_reason(CONFIG, vlans["guests"], none)) == "interface lan0 is not there"
    )
    unplugged = facts_of(CONFIG, carrier=False)
    assert str(vlan_unreachable_reason(CONFIG, vlans["stream"], unplugged)) == "no carrier on lan0"
    assert str(vlan_unreachable_reason(CONFIG, vlans["desk"], unplugged)) == "no carrier on lan3"


def test_tags_on_a_kernel_without_them_are_named_beforehand() -> None:
    assert missing_vlan_support(CONFIG, facts_of(CONFIG)) == ""
    bare = replace(facts_of(CONFIG), features=frozenset({"htb"}))
    assert missing_vlan_support(config_of(TWO_LINES), bare) == ""
    assert "no 802.1Q VLANs (module 8021q), and stream, guests need" in missing_vlan_support(
        CONFIG, bare
    )
    tagged = config_of(TWO_LINES.replace('"wan1"', '"wan1"\nvlan = 35'))
    assert "and uplink fiber need them (id, vlan)" in missing_vlan_support(tagged, bare)


def test_networks_behind_a_vlan_wait_for_its_port() -> None:
    routed = config_of(
        TWO_LINES.replace("[vlans.desk]", '[vlans.desk]\nroutes = ["10.50.0.0/16 via 10.10.99.9"]')
    )
    behind = ip_network("10.50.0.0/16")
    for gone, count in (((), 1), (("lan3",), 0)):
        facts = facts_of(routed, without=gone)
        found = [route for route in inside_routes(routed, facts) if route.destination == behind]
        assert len(found) == count


def test_each_line_has_the_port_that_it_is_plugged_into() -> None:
    assert config_of(TWO_LINES).uplink_ports()["fiber"] == "wan1"
