"""What a client and a VLAN may hold of the connection table, and who may reach modems."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.firewall.connection_bounds import CountedBound, vlan_budget
from lbrouter.compile.firewall.modems import is_closed
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of

TABLE_SIZE = 100_000


def guests_with(*keys: str) -> Config:
    """Two lines and three VLANs, with `keys` in the section of the guests."""
    lines = "".join(f"{key}\n" for key in keys)
    return config_of(TWO_LINES.replace('policy = "spread"\n', f'policy = "spread"\n{lines}', 1))


def test_a_budget_is_a_share_of_the_table_and_the_others_share_the_rest() -> None:
    config = guests_with('budget = "30%"')
    budgets = {name: vlan_budget(config, v, TABLE_SIZE) for name, v in config.vlans.items()}
    assert budgets == {"stream": 30_000, "guests": 30_000, "desk": 30_000}
    alike = guests_with()
    assert {vlan_budget(alike, v, TABLE_SIZE) for v in alike.vlans.values()} == {30_000}


@pytest.mark.parametrize("budget", ["100%", "90%", "88.5%"])
def test_budgets_that_leave_no_room_are_refused(budget: str) -> None:
    """Two more VLANs are left at least 1 % each, and the gateway 10 %."""
    with pytest.raises(ConfigError) as raised:
        guests_with(f'budget = "{budget}"')
    assert "vlans.guests.budget" in str(raised.value)
    assert "88%" in str(raised.value)
    assert guests_with('budget = "88%"')


@given(st.integers(1, 1_000_000))
def test_what_is_counted_times_the_sampling_is_the_bound(connections: int) -> None:
    bound = CountedBound(connections=connections)
    assert connections - bound.sampling < bound.counted * bound.sampling <= connections
    assert bound.counted < 512
    assert bound.counted_near * bound.near_sampling <= max(connections, 1)


def test_the_bound_stands_in_the_names_of_the_sets() -> None:
    """An element keeps the bound that it was made with: another bound needs another set."""
    [few, many] = [desired_of(guests_with(f"connections = {n}")).nft.script for n in (100, 2000)]
    assert "set clients_guests_100 {" in few
    assert "set clients_guests_285 {" in many
    assert "numgen random mod 7 == 0 add @clients_guests_285" in many


@pytest.mark.parametrize(
    "keys, destination, closed",
    [
        ((), "203.0.113.1", True),
        ((), "192.168.100.1", True),
        ((), "fd00::1", True),
        ((), "192.0.2.80", False),
        (("modems = true",), "203.0.113.1", False),
        (("manage = true",), "192.168.100.1", False),
    ],
)
def test_modems_and_private_addresses_are_closed(
    keys: tuple[str, ...], destination: str, *, closed: bool
) -> None:
    config = guests_with(*keys)
    guests = config.vlans["guests"]
    assert (
        is_closed(config, guests, ip_address(destination), facts_of(config), config.uplinks)
        is closed
    )


def test_a_rule_of_the_vlan_opens_what_it_leads_to_and_no_more() -> None:
    rule = '\n[[rules]]\nfrom = "guests"\nto = ["192.168.8.0/24", "0.0.0.0/0"]\npolicy = "show"\n'
    config = config_of(TWO_LINES.replace("\n[[rules]]", rule + "\n[[rules]]", 1))
    facts = facts_of(config)
    guests, stream, ways = config.vlans["guests"], config.vlans["stream"], config.uplinks
    assert not is_closed(config, guests, ip_address("192.168.8.1"), facts, ways)
    assert is_closed(config, guests, ip_address("192.168.9.1"), facts, ways)
    assert is_closed(config, stream, ip_address("192.168.8.1"), facts, ways)
    elements = desired_of(config).nft.elements
    assert elements["modem_rules4"] == {("lan2 . 192.168.8.0/24", "")}
