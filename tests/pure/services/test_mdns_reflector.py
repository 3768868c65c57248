"""mDNS: a file for each group of VLANs, and what `check` says of the groups."""

from pathlib import PurePosixPath

import pytest

from lbrouter.compile.firewall.gateway_services import gateway_services
from lbrouter.compile.services.mdns_reflector import mdns_processes
from tests.kit.builders import TWO_LINES, config_of, desired_of
from tests.kit.sample_config import errors_of, parse_text, with_changes

NAME = 'name = "two-lines"\n'
RUNTIME = PurePosixPath("/run/lbrouter")


def with_groups(groups: str) -> str:
    return TWO_LINES.replace(NAME, f"{NAME}mdns = {groups}\n")


def test_each_group_has_a_process_and_a_file_of_its_own() -> None:
    config = config_of(with_groups('[["stream", "desk"], ["guests", "desk"]]'))
    first, second = mdns_processes(config, RUNTIME)
    assert (first.name, second.name) == ("mdns-0", "mdns-1")
    assert "--file=/run/lbrouter/mdns-0/avahi.conf" in first.argv
    assert first.pid_file == "/run/lbrouter/mdns-0/run/pid"
    assert "allow-interfaces=lan1,lan3\n" in first.config_text
    assert "allow-interfaces=lan2,lan3\n" in second.config_text
    assert first.why == "mDNS between stream, desk"


def test_without_the_key_there_is_none() -> None:
    assert mdns_processes(config_of(TWO_LINES), RUNTIME) == ()


def test_the_firewall_lets_in_what_the_groups_say() -> None:
    config = config_of(with_groups('[["stream", "guests"]]'))
    services = desired_of(config).nft.elements["vlan_services"]
    assert services == {("lan1 . udp . 5353", ""), ("lan2 . udp . 5353", "")}
    own = TWO_LINES.replace(
        'address = "10.10.40.1/22"', 'address = "10.10.40.1/22"\nservices = ["mdns", "tcp/8080"]'
    )
    guests = config_of(own).vlans["guests"]
    assert [str(service) for service in gateway_services(config_of(own), guests)] == [
        "mdns",
        "tcp/8080",
    ]


@pytest.mark.parametrize(
    "groups, place, reason",
    [
        (
            '[["stream", "dsk"]]',
            "gateway.mdns[0][1]",
            'there is no [vlans.dsk], did you mean "desk"?',
        ),
        ('[["stream", "stream"]]', "gateway.mdns[0][1]", "is in this list twice"),
        ('[["stream"]]', "gateway.mdns[0]", "has too few elements"),
        ('["stream", "desk"]', "gateway.mdns[0]", "is not a list"),
    ],
)
def test_a_wrong_group_is_named(groups: str, place: str, reason: str) -> None:
    found = errors_of(with_changes(('name = "hall"\n', f'name = "hall"\nmdns = {groups}\n')))
    assert any(place in error and reason in error for error in found)


@pytest.mark.parametrize(
    "groups, warned", [('[["stream", "desk"]]', 0), ('[["stream", "guests"]]', 1)]
)
def test_a_group_that_none_may_connect_in_is_said(groups: str, warned: int) -> None:
    text = with_changes(('name = "hall"\n', f'name = "hall"\nmdns = {groups}\n'))
    said = [one for one in parse_text(text).warnings if "none of them may connect" in one]
    assert len(said) == warned
