"""Whether an apply would cut the SSH session that it runs in."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lbrouter.compile.firewall.operator_session import session_cut_reason
from lbrouter.compile.firewall.ssh_session import OperatorSession, parse_ssh_connection
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from tests.kit.builders import TWO_LINES, config_of, facts_of

CONFIG = config_of(TWO_LINES)
TRUNK_CONFIG = config_of(
    TWO_LINES.replace('[vlans.desk]\nport = "lan3"', '[lan]\ntrunk = "lan3"\n[vlans.desk]\nid = 9')
)
FACTS = facts_of(CONFIG)
"""A machine on which another program gave eth9 an address, and wan9 one by itself."""
OFFICE = replace(
    FACTS.interfaces["lan1"],
    name="eth9",
    foreign_addresses=(ip_interface("192.168.7.1/24"),),
)
FACTS_WITH_OFFICE = replace(FACTS, interfaces={**FACTS.interfaces, "eth9": OFFICE})


def cut_reason(text: str, config: Config = CONFIG, facts: Facts = FACTS_WITH_OFFICE) -> str:
    session = parse_ssh_connection(text)
    assert session is not None
    return session_cut_reason(config, facts, session)


def test_what_ssh_says_is_understood() -> None:
    assert parse_ssh_connection("10.0.0.9 5000 10.0.0.1 22") == OperatorSession(
        client=ip_address("10.0.0.9"), server=ip_address("10.0.0.1")
    )
    assert parse_ssh_connection("fe80::9%lan1 5000 fe80::1%lan1 22") == OperatorSession(
        client=ip_address("fe80::9"), server=ip_address("fe80::1"), interface="lan1"
    )


@pytest.mark.parametrize("text", ["", "10.0.0.9 22", "UNKNOWN 65535 UNKNOWN 65535"])
def test_anything_else_is_no_session(text: str) -> None:
    assert parse_ssh_connection(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "10.10.99.7 5000 10.10.99.1 22",  # the desk has manage
        "10.10.99.7 5000 10.10.10.1 22",  # by another address of the gateway
        "192.168.7.9 5000 192.168.7.1 22",  # an interface that the file does not name
        "192.0.2.77 5000 192.168.7.1 22",  # from behind a router there
        "127.0.0.1 5000 127.0.0.1 22",
        "fe80::9%eth9 5000 fe80::1%eth9 22",
    ],
)
def test_a_session_that_stays(text: str) -> None:
    assert cut_reason(text) == ""


@pytest.mark.parametrize(
    "text, reason",
    [
        ("10.10.10.7 5000 10.10.10.1 22", "VLAN stream, which has no `manage = true`"),
        ("fd10:10::7 5000 fd10:10::1 22", "VLAN stream, which has no `manage = true`"),
        ("203.0.113.1 5000 203.0.113.2 22", "uplink fiber"),
        ("192.0.2.77 5000 198.51.100.2 22", "uplink lte"),
        ("192.0.2.77 5000 10.99.0.1 22", "10.99.0.1, to which you are connected, would be gone"),
        ("fe80::9%lan2 5000 fe80::1%lan2 22", "VLAN guests"),
    ],
)
def test_a_session_that_is_cut(text: str, reason: str) -> None:
    assert reason in cut_reason(text)


def test_a_port_or_a_trunk_that_is_not_there() -> None:
    text = "10.10.99.7 5000 10.10.99.1 22"
    assert "port lan3 is not there" in cut_reason(text, facts=facts_of(CONFIG, without=("lan3",)))
    assert cut_reason(text, TRUNK_CONFIG, facts_of(TRUNK_CONFIG)) == ""
    without = facts_of(TRUNK_CONFIG, without=("lan3",))
    assert "port lan3 is not there" in cut_reason(text, TRUNK_CONFIG, without)


def test_an_uplink_without_a_next_hop_has_no_address() -> None:
    facts = facts_of(CONFIG, without=("wan1",))
    assert "would be gone" in cut_reason("203.0.113.1 5000 203.0.113.2 22", facts=facts)
