"""Forwards and maps as elements of the ruleset, from outside and from inside."""

from lbrouter.compile.firewall import public_services
from lbrouter.compile.firewall.ruleset import structure
from lbrouter.compile.routing.interface_addresses import addresses
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import NftElements
from tests.kit.builders import TWO_LINES, config_of, facts_of

LINES, _, _ = TWO_LINES.partition("[[forwards]]")
LINES = LINES.replace("203.0.113.2/30", "203.0.113.2/29")
HEAD = '\n[[forwards]]\nuplink = "{}"\nprotocol = "{}"\n'
SSH = HEAD.format("any", "tcp") + 'port = 2222\nto = "10.10.10.20:22"\nsources = ["192.0.2.7"]\n'
RANGE = HEAD.format("fiber", "udp") + 'port = "9000-9010"\nto = "10.10.10.20"\n'
VPN = HEAD.format("fiber", "udp") + 'port = 51820\nto = "10.10.99.1:51820"\n'
MAP = '\n[[maps]]\nuplink = "fiber"\npublic = "203.0.113.3"\nto = "10.10.10.30"\n'


def elements_of(more: str, facts: Facts | None = None) -> dict[str, NftElements]:
    config = config_of(LINES + more)
    return public_services.elements(config, facts or facts_of(config))


def test_a_file_that_offers_nothing_has_no_chain_for_it() -> None:
    config = config_of(LINES)
    assert elements_of("") == {}
    assert "offer_outside" not in structure(config, allocate(config, Allocation()))


def test_a_forward_with_sources_is_bounded_on_each_line() -> None:
    found = elements_of(SSH)
    assert dict(found["port_forward4"])["wan2 . tcp . 2222"] == "10.10.10.20 . 22"
    assert {key for key, _ in found["bounded_forward4"]} == {
        "wan1 . tcp . 2222",
        "wan2 . tcp . 2222",
    }
    assert ("wan1 . tcp . 2222 . 192.0.2.7", "") in found["forward_source4"]
    assert dict(found["inside_port_forward4"])["198.51.100.2 . tcp . 2222"] == "10.10.10.20 . 22"
    assert ("203.0.113.2 . tcp . 2222 . 192.0.2.7", "") in found["inside_forward_source4"]


def test_a_range_keeps_its_ports() -> None:
    found = elements_of(RANGE)
    assert dict(found["range_forward4"]) == {"wan1 . udp . 9000-9010": "10.10.10.20"}
    assert dict(found["inside_range_forward4"]) == {"203.0.113.2 . udp . 9000-9010": "10.10.10.20"}
    assert found["port_forward4"] == frozenset()


def test_a_vpn_server_on_the_gateway_keeps_its_address() -> None:
    found = elements_of(VPN)
    assert found["own_service4"] == {("wan1 . udp . 51820", "")}
    assert found["inside_own_service4"] == {("203.0.113.2 . udp . 51820", "")}
    assert "own_service4" not in elements_of(RANGE)


def test_a_mapped_host_leaves_and_is_reached_by_its_public_address() -> None:
    found = elements_of(MAP)
    assert found["public_host4"] == {("wan1 . 203.0.113.3", "10.10.10.30")}
    assert found["host_public4"] == {("wan1 . 10.10.10.30", "203.0.113.3")}
    assert found["inside_host4"] == {("203.0.113.3", "10.10.10.30")}
    config = config_of(LINES + MAP)
    own = {str(a.address) for a in addresses(config, facts_of(config), frozenset())}
    assert "203.0.113.3/32" in own


def test_the_peer_of_a_session_needs_no_answer_to_its_arp() -> None:
    pppoe = LINES.replace(
        'address = "198.51.100.2/30"\ngateway = "198.51.100.1"',
        'address = "pppoe"\nusername = "u"\npassword_file = "/etc/p"',
    )
    config = config_of(pppoe + MAP.replace("fiber", "lte"))
    own = {str(a.address) for a in addresses(config, facts_of(config), frozenset())}
    assert "203.0.113.3/32" not in own


def test_of_two_lines_with_one_address_the_first_of_the_file_is_meant_from_inside() -> None:
    twins = LINES.replace('address = "198.51.100.2/30"', 'address = "203.0.113.2/29"').replace(
        'gateway = "198.51.100.1"', 'gateway = "203.0.113.1"'
    )
    other = SSH.replace('"any"', '"lte"').replace("192.0.2.7", "192.0.2.8")
    first = SSH.replace('"any"', '"fiber"')
    changed = other.replace("10.10.10.20", "10.10.10.21")
    config = config_of(twins + first + changed)
    found = public_services.elements(config, facts_of(config))
    assert dict(found["inside_port_forward4"]) == {"203.0.113.2 . tcp . 2222": "10.10.10.20 . 22"}
    assert found["inside_forward_source4"] == {("203.0.113.2 . tcp . 2222 . 192.0.2.7", "")}
    assert dict(found["port_forward4"])["wan2 . tcp . 2222"] == "10.10.10.21 . 22"


def test_a_line_without_an_address_is_reached_from_outside_alone() -> None:
    config = config_of(LINES + SSH)
    found = public_services.elements(config, facts_of(config, without=("wan1", "wan2")))
    assert found["inside_port_forward4"] == frozenset()
    assert len(found["port_forward4"]) == 2
