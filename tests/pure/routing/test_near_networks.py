"""What of a line's own subnet counts for the gateway itself, and the VLANs' own table."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from math import inf

import pytest

from lbrouter.compile.routing.near_networks import own_way_networks
from lbrouter.compile.routing.vlan_routes import vlan_routes, vlan_rules
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.lease import UplinkLease
from lbrouter.model.reserved_ids import VLAN_TABLE
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

STATIC = 'address = "198.51.100.2/30"\ngateway = "198.51.100.1"\n'
LEASED = TWO_LINES.replace(STATIC, 'address = "dhcp"\n')
UP, DOWN = UplinkState.UP, UplinkState.DOWN


def networks(
    address: str = "198.51.100.50/24",
    gateway: str = "198.51.100.1",
    state: UplinkState = UP,
    *,
    dns: str = "9.9.9.9",
) -> list[str]:
    config = config_of(LEASED.replace('"two-lines"', f'"two-lines"\ndns = ["{dns}"]'))
    lease = UplinkLease(
        address=IPv4Interface(address),
        gateway=IPv4Address(gateway),
        server=IPv4Address(gateway),
        obtained_at=0,
        renew_at=inf,
        rebind_at=inf,
        expires_at=inf,
    )
    facts = replace(facts_of(config), leases={"lte": lease})
    health = health_of(config, lte=state)
    lte = config.uplinks["lte"]
    return [str(each) for each in own_way_networks(config, lte, AddressFamily.V4, health, facts)]


def test_the_file_of_this_test_leases() -> None:
    assert LEASED != TWO_LINES


@pytest.mark.parametrize(
    "found, expected",
    [
        (networks(), ["198.51.100.0/24"]),
        # A line that is not fit: its modem alone, whose page is wanted now.
        (networks(state=DOWN), ["198.51.100.1/32"]),
        # It holds a resolver of the file: never more than its router.
        (networks(dns="198.51.100.53"), ["198.51.100.1/32"]),
        (networks("1.0.0.50/8", "1.0.0.9"), ["1.0.0.9/32"]),  # the target 1.1.1.1
        # Its router calls itself a resolver, or a target: nothing.
        (networks(dns="198.51.100.1"), []),
        (networks("1.1.1.50/24", "1.1.1.1"), []),
    ],
)
def test_a_leased_subnet_counts_while_the_line_is_fit_and_takes_nothing_that_is_asked(
    found: list[str], expected: list[str]
) -> None:
    assert found == expected


def test_a_subnet_of_the_file_counts_always_and_one_without_an_address_never() -> None:
    config = config_of(LEASED)
    health = health_of(config, fiber=DOWN)
    for name, expected in (("fiber", ["203.0.113.0/30"]), ("lte", [])):
        uplink = config.uplinks[name]
        found = own_way_networks(config, uplink, AddressFamily.V4, health, facts_of(config))
        assert [str(each) for each in found] == expected


@pytest.mark.parametrize(
    "addressing, families",
    [
        (STATIC, []),
        ('address = "dhcp"\n', []),
        ('address = "dhcp"\naddress6 = "auto"\n', ["ip6"]),
        ('address = "external"\n', ["ip", "ip6"]),
        ('address = "pppoe"\nusername = "me"\npassword_file = "/secret"\n', ["ip", "ip6"]),
    ],
)
def test_vlans_are_asked_first_where_a_provider_can_write_into_main(
    addressing: str, families: list[str]
) -> None:
    config = config_of(TWO_LINES.replace(STATIC, addressing))
    assert sorted(str(rule.family) for rule in vlan_rules(config)) == families
    found = list(vlan_routes(config, facts_of(config, without=("lan3",)), created=("lan2",)))
    assert {str(route.family) for route in found} == set(families)
    assert {route.interface for route in found} <= {"lan1", "lan2"}
    assert all(route.table == VLAN_TABLE for route in found)
    if "ip" in families:
        made = vlan_routes(config, facts_of(config, without=("lan2", "lan3")), created=("lan2",))
        assert "lan2" in {route.interface for route in made}


def test_without_vlans_there_is_no_such_rule() -> None:
    text = '[gateway]\nname = "bare"\n[uplinks.a]\ninterface = "w"\naddress = "external"\n'
    assert list(vlan_rules(config_of(text))) == []
