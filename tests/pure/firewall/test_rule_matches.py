"""What a rule matches, in nft's words."""

import pytest

from lbrouter.compile.firewall.modems import opened_networks
from lbrouter.compile.firewall.rule_matches import matches, name_sets
from tests.kit.builders import TWO_LINES, config_of, facts_of

RULE = '\n[[rules]]\nfrom = "stream"\npolicy = "show"\n'


def named(family: str) -> str:
    known = f"@names_youtube.com_{family}"
    return f"{family} daddr {known} update {known} {{ {family} daddr timeout 1d }}"


NAMED = named("ip")

MATCHES = [
    ('source = "10.10.10.20"', ["ip saddr { 10.10.10.20/32 }"]),
    (
        'source = ["10.10.10.0/25", "fd10:10::20"]\nprotocol = "udp"',
        [
            "ip saddr { 10.10.10.0/25 } meta l4proto udp",
            "ip6 saddr { fd10:10::20/128 } meta l4proto udp",
        ],
    ),
    (
        'source = "10.10.10.20"\nto = ["0.0.0.0/0", "::/0"]',
        ["ip saddr { 10.10.10.20/32 } meta nfproto ipv4"],
    ),
    (
        'source = "10.10.10.20"\nto = "198.51.100.0/24"\nprotocol = "tcp"\nports = [443, "1-9"]',
        ["ip saddr { 10.10.10.20/32 } ip daddr { 198.51.100.0/24 } tcp dport { 443, 1-9 }"],
    ),
    ('to = "youtube.com"', [NAMED, named("ip6")]),
    (
        'to = ["youtube.com", "9.9.9.9"]\nsource = "10.10.10.20"',
        [
            "ip saddr { 10.10.10.20/32 } ip daddr { 9.9.9.9/32 }",
            f"ip saddr {{ 10.10.10.20/32 }} {NAMED}",
        ],
    ),
]


@pytest.mark.parametrize("lines, expected", MATCHES)
def test_a_rule_has_a_match_for_each_family_it_speaks_of(lines: str, expected: list[str]) -> None:
    rule = config_of(TWO_LINES + RULE + lines + "\n").rules[-1]
    assert list(matches(rule)) == expected


def test_a_name_that_two_rules_have_is_one_set_in_each_family() -> None:
    config = config_of(TWO_LINES + 2 * (RULE + 'to = "youtube.com"\n'))
    sets = list(name_sets(config))
    assert len(sets) == 2
    assert "set names_youtube.com_ip6 {" in sets[1]
    assert "type ipv6_addr" in sets[1]


def test_a_rule_of_one_host_opens_no_modem_to_its_whole_vlan() -> None:
    modem = RULE + 'to = "192.168.100.0/24"\n'
    for more, count in (("", 1), ('source = "10.10.10.20"\n', 0)):
        config = config_of(TWO_LINES + modem + more)
        opened = list(opened_networks(config, config.vlans["stream"], facts_of(config)))
        assert len(opened) == count
