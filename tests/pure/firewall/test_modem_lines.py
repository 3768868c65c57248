"""Which line leads to a modem's page: the subnets beside lines that can be told apart."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow import parse_flow
from lbrouter.compile.firewall.elements import elements
from lbrouter.compile.firewall.modems import line_of_modem, modem_lines
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.health import UplinkState
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

MODEM = TWO_LINES.replace("198.51.100.2/30", "192.168.8.100/24").replace(
    "198.51.100.1", "192.168.8.1"
)


def lines_of(config: Config) -> dict[str, str]:
    return {str(network): name for network, name in modem_lines(config, facts_of(config)).items()}


def test_each_subnet_leads_to_its_line() -> None:
    assert lines_of(config_of(MODEM)) == {
        "203.0.113.0/30": "fiber",
        "2001:db8:1::/64": "fiber",
        "192.168.8.0/24": "lte",
    }


def test_a_router_outside_of_the_subnet_is_beside_the_line_too() -> None:
    config = config_of(MODEM.replace("192.168.8.100/24", "192.168.8.100/32"))
    assert lines_of(config)["192.168.8.1/32"] == "lte"
    assert "192.168.8.100/32" not in lines_of(config)


@pytest.mark.parametrize("fiber", ["192.168.8.7/24", "192.168.0.7/16", "192.168.8.6/30"])
def test_of_two_modems_with_one_subnet_neither_is_meant(fiber: str) -> None:
    gateway = "192.168.8.5" if fiber.endswith("30") else "192.168.8.1"
    config = config_of(
        MODEM.replace("203.0.113.2/30", fiber).replace('"203.0.113.1"', f'"{gateway}"')
    )
    assert set(lines_of(config)) == {"2001:db8:1::/64"}


def test_only_vlans_that_may_reach_modems_go_there() -> None:
    config = config_of(MODEM)
    facts, page = facts_of(config), ip_address("192.168.8.1")
    assert line_of_modem(config, config.vlans["desk"], page, facts) == "lte"
    assert line_of_modem(config, config.vlans["stream"], page, facts) is None
    assert line_of_modem(config, config.vlans["desk"], ip_address("9.9.9.9"), facts) is None


def test_the_map_leads_to_the_mark_and_explain_says_so_while_the_line_is_down() -> None:
    config = config_of(MODEM.replace('policy = "each"\n\n', 'policy = "show"\n\n'))
    facts, allocation = facts_of(config), allocate(config, Allocation())
    health = health_of(config, lte=UplinkState.DOWN)
    found = elements(config, allocation=allocation, health=health, facts=facts)
    assert ("192.168.8.0/24", "goto assign_mark_2") in found["modem_lines4"]
    assert ("2001:db8:1::/64", "goto assign_mark_1") in found["modem_lines6"]
    flow = parse_flow(
        config, facts, source="10.10.99.7", destination="192.168.8.1", protocol="tcp", port=80
    )
    context = ExplainContext(allocation=allocation, health=health, facts=facts)
    said = explain(config, flow, context)
    assert said["because"] == "192.168.8.1 lies beside uplink lte, which carries it, down or not"
    assert [way["uplink"] for way in said["ways"]] == ["lte"]


def test_our_further_addresses_are_no_source_of_others() -> None:
    config = config_of(MODEM.replace('"wan2"', '"wan2"\naddresses = ["192.168.8.200/32"]'))
    found = elements(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config),
        facts=replace(facts_of(config)),
    )
    bogons = [ip_network(network) for network, _ in found["bogon4"] if "-" not in network]
    assert any(ip_address("192.168.8.200") in network for network in bogons)
