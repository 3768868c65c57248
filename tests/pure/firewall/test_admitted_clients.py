"""The share of the remembered clients that each VLAN has."""

from lbrouter.compile.firewall import sticky_clients
from lbrouter.model.facts import Allocation
from tests.kit.builders import TWO_LINES, config_of

ALLOCATION = Allocation(uplinks={"fiber": 1, "lte": 2})


def script_with(sticky: str) -> str:
    text = TWO_LINES.replace('mode = "balance"', f'mode = "balance"\nsticky = "{sticky}"', 1)
    return "".join(sticky_clients.structure(config_of(text), ALLOCATION))


def test_each_vlan_has_a_share_and_the_sets_hold_all_of_them_twice() -> None:
    text = script_with("10m")
    for vlan in ("stream", "guests", "desk"):
        assert f"set clients_of_{vlan} {{\n\t\ttype ether_addr\n\t\tsize 8192\n" in text
    assert "set sticky_mac_spread_1_ip {\n\t\ttype ether_addr\n\t\tsize 49152\n" in text
    assert sticky_clients.elements(config_of(TWO_LINES))["admit_dispatch"] == {
        ("lan1", "jump admit_stream"),
        ("lan2", "jump admit_guests"),
        ("lan3", "jump admit_desk"),
    }


def test_a_client_is_admitted_for_the_longest_sticky_time_at_least() -> None:
    assert "add @clients_of_guests { ether saddr timeout 7200s }" in script_with("2h")
    assert "add @clients_of_guests { ether saddr timeout 600s }" in script_with("20s")


def test_without_a_sticky_policy_there_is_nothing() -> None:
    text = TWO_LINES.replace('mode = "balance"', 'mode = "balance"\nsticky = "0s"', 1)
    config = config_of(text)
    assert list(sticky_clients.structure(config, ALLOCATION)) == []
    assert sticky_clients.elements(config) == {}
