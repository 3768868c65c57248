"""dnsmasq's file: names of rules, options and resolvers of a VLAN, a server elsewhere."""

import pytest

from lbrouter.compile.services.dnsmasq import config_text, is_wanted
from lbrouter.model.config import Config
from tests.kit.builders import TWO_LINES, config_of

NO_IPV6 = TWO_LINES.replace('address6 = "fd10:10::1/64"\n', "").partition("[[forwards]]")[0]
GUEST_POOL = '[vlans.guests.dhcp]\nrange = "10.10.40.20-10.10.43.250"\nlease = "2h"\n'


def option_lines(config: Config) -> list[str]:
    """The options, without comments."""
    return [line for line in config_text(config).splitlines() if line and not line.startswith("#")]


def test_addresses_of_names_in_rules_go_into_their_sets() -> None:
    config = config_of(NO_IPV6 + '\n[[rules]]\nto = ["youtube.com"]\npolicy = "show"\n')
    assert (is_wanted(config_of(NO_IPV6)), is_wanted(config)) == (False, True)
    line = (
        "nftset=/youtube.com/4#inet#lbrouter#names_youtube.com_ip,"
        "6#inet#lbrouter#names_youtube.com_ip6\n"
    )
    assert line in config_text(config)
    assert "nftset" not in config_text(config_of(NO_IPV6 + GUEST_POOL))


def test_a_vlan_has_options_and_resolvers_of_its_own() -> None:
    pool = GUEST_POOL + 'options = { 66 = "10.10.40.5", 42 = ["10.10.40.5", "10.10.40.6"] }\n'
    own = NO_IPV6.replace('"10.10.40.1/22"', '"10.10.40.1/22"\ndns = ["9.9.9.9", "1.1.1.1"]')
    lines = option_lines(config_of(own + pool))
    assert "dhcp-option=tag:guests,option:dns-server,9.9.9.9,1.1.1.1" in lines
    assert "dhcp-option-force=tag:guests,66,10.10.40.5" in lines
    assert "dhcp-option-force=tag:guests,42,10.10.40.5,10.10.40.6" in lines


@pytest.mark.parametrize(
    "own, four, six",
    [
        ("", ",10.10.10.1", ",[fd10:10::1]"),
        ('dns = ["9.9.9.9"]\n', ",9.9.9.9", ""),
        ('dns = ["2620:fe::fe"]\n', "", ",[2620:fe::fe]"),
    ],
)
def test_resolvers_of_one_family_leave_none_of_the_other(own: str, four: str, six: str) -> None:
    pool = 'dhcp = { range = "10.10.10.50-10.10.10.60" }\n'
    vlan6 = 'address6 = "fd10:10::1/64"\n'
    lines = option_lines(config_of(TWO_LINES.replace(vlan6, vlan6 + own + pool)))
    assert f"dhcp-option=tag:stream,option:dns-server{four}" in lines
    assert f"dhcp-option=tag:stream,option6:dns-server{six}" in lines


def test_requests_are_handed_to_a_server_elsewhere() -> None:
    relayed = NO_IPV6.replace('"10.10.40.1/22"', '"10.10.40.1/22"\ndhcp_relay = "10.10.99.5"')
    config = config_of(relayed)
    lines = option_lines(config)
    assert is_wanted(config)
    assert "dhcp-relay=10.10.40.1,10.10.99.5" in lines
    assert "no-dhcp-interface=lan2" not in lines
