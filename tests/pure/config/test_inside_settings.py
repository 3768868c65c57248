"""A VLAN's services, DHCP options, resolvers, relay and place on the trunk: right and wrong."""

import pytest

from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.model.sections.gateway_services import parse_service
from tests.kit.sample_config import errors_of, parse_text, with_changes

POLICY = 'address = "10.10.40.1/22"\n'
POOL = 'dhcp = { range = "10.10.40.20-10.10.40.90", options = { %s } }\n'
MDNS = ('name = "hall"\n', 'name = "hall"\nmdns = [["stream", "desk"]]\n')
TRUNK = '[lan]\ntrunk = "lan0"\n'
PORT = 'port = "lan1"\n'


def guests(more: str) -> tuple[str, str]:
    return POLICY, POLICY + more


RIGHT = [
    (guests('services = ["ntp", "mdns", "ssh", "tcp/8080", "udp/4500"]\n'),),
    (guests(POOL % '66 = "10.10.40.5", 42 = ["10.10.40.5", "10.10.40.6"], 67 = "a/b.efi"'),),
    (guests('dns = ["9.9.9.9", "2620:fe::fe"]\n'),),
    (guests('dhcp_relay = "10.10.99.5"\n'),),
    ((PORT, "untagged = true\n"),),
    (MDNS,),
    (('name = "hall"\n', 'name = "hall"\nhelpers = ["ftp", "sip"]\n'),),
]

WRONG = [
    (guests('services = ["web"]\n'), "vlans.guests.services[0]", 'port such as "tcp/8080"'),
    (guests('services = ["tcp/0"]\n'), "vlans.guests.services[0]", "not in 1 to 65535"),
    (guests('services = ["icmp/8"]\n'), "vlans.guests.services[0]", "is not a service"),
    (guests('services = ["ntp", "udp/123"]\n'), "guests.services[1]", "is in this list twice"),
    (guests(POOL % "3 = '10.10.40.5'"), "dhcp.options.3", "the router is the gateway"),
    (guests(POOL % "6 = '10.10.40.5'"), "dhcp.options.6", "write vlans.NAME.dns"),
    (guests(POOL % "tftp = '10.10.40.5'"), "dhcp.options.tftp", "is not the number of a DHCP op"),
    (guests(POOL % "255 = '10.10.40.5'"), "dhcp.options.255", "is not the number of a DHCP opt"),
    (guests(POOL % "66 = ''"), "dhcp.options.66[0]", "is empty"),
    (guests(POOL % "66 = 'a,b'"), "dhcp.options.66[0]", "has a sign that an option cannot hold"),
    (guests(POOL % "66 = []"), "dhcp.options.66", "has no value; accepted: options = { 66 ="),
    (guests('dns = ["9.9.9.9", "9.9.9.9"]\n'), "vlans.guests.dns[1]", "is in this list twice"),
    (guests('dns = ["nine"]\n'), "vlans.guests.dns[0]", "an IP address"),
    (guests('dhcp_relay = "10.10.40.9"\n'), "dhcp_relay", "without a relay; accepted: a server in"),
    (
        guests('dhcp_relay = "10.10.99.9"\n' + POOL % "66 = 'x'"),
        "vlans.guests.dhcp_relay",
        "cannot stand beside dhcp",
    ),
    ((PORT, "untagged = true\nid = 7\n"), "vlans.desk", "has both id and untagged"),
    ((PORT, f"untagged = true\n{PORT}"), "vlans.desk", "has both port and untagged"),
    ((PORT, ""), "vlans.desk", "untagged = true (on the trunk)"),
    (
        ('name = "hall"\n', 'name = "hall"\nhelpers = ["ftp", "ftp"]\n'),
        "gateway.helpers[1]",
        "is in this list twice",
    ),
    (
        ('name = "hall"\n', 'name = "hall"\nhelpers = ["h323"]\n'),
        "gateway.helpers[0]",
        '"ftp" or "pptp" or "sip"',
    ),
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_taken_and_written_again(changes: tuple[tuple[str, str], ...]) -> None:
    text = with_changes(*changes)
    assert errors_of(text) == []
    config = parse_text(text).config
    assert parse_text(render_toml(config)).config == config


@pytest.mark.parametrize("change, place, reason", WRONG)
def test_what_is_wrong_is_named_once(change: tuple[str, str], place: str, reason: str) -> None:
    [error] = errors_of(with_changes(change))
    assert place in error
    assert reason in error


def test_one_vlan_is_on_the_trunk_without_a_tag() -> None:
    two = ((PORT, "untagged = true\n"), ("id = 40\n", "untagged = true\n"))
    [error] = errors_of(with_changes(*two))
    assert "is on the trunk already, without a tag: [vlans.guests]" in error
    ports = (("id = 10\n", 'port = "a"\n'), ("id = 40\n", 'port = "b"\n'))
    [missing] = errors_of(with_changes((TRUNK, ""), (PORT, "untagged = true\n"), *ports))
    assert "vlans.desk.untagged" in missing
    assert "untagged = true needs the trunk" in missing


def test_an_untagged_vlan_is_the_trunk_itself() -> None:
    config = parse_text(with_changes((PORT, "untagged = true\n"))).config
    desk = config.vlans["desk"]
    assert (config.vlan_device(desk), desk.identity) == ("lan0", "untagged")


def test_a_service_is_written_as_it_was_read() -> None:
    assert [str(parse_service(word)) for word in ("ntp", "udp/123")] == ["ntp", "udp/123"]
