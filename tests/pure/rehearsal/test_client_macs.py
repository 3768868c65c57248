"""One host of a venue acts as many clients: each with a hardware address of its own."""

from ipaddress import ip_interface

from lbrouter.rehearsal.lab.client_macs import client_mac_ruleset

TWO = [
    *(ip_interface("10.0.1.9/24"), ip_interface("10.0.1.8/24")),
    *(ip_interface("fd10::9/64"), ip_interface("fd10::8/64")),
]


def test_the_nth_addresses_of_both_families_are_one_client() -> None:
    lines = list(client_mac_ruleset(TWO, 3))
    assert "    ether saddr set ip saddr map { 10.0.1.8 : 02:63:6c:03:01:08 }" in lines
    assert "    ether saddr set ip6 saddr map { fd10::8 : 02:63:6c:03:01:08 }" in lines
    assert "10.0.1.9" not in "".join(lines)  # the interface's own


def test_one_family_may_have_more_than_the_other() -> None:
    lines = list(client_mac_ruleset(TWO[:3], 3))
    assert [line for line in lines if "map" in line] == [
        "    ether saddr set ip saddr map { 10.0.1.8 : 02:63:6c:03:01:08 }"
    ]


def test_a_host_that_is_one_client_needs_nothing() -> None:
    assert list(client_mac_ruleset([TWO[0], TWO[2]], 3)) == []
    assert list(client_mac_ruleset([], 3)) == []
