"""What does not fit the machine that the file is checked on, each with a sentence and a line."""

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from lbrouter.compile.config.machine_fit import (
    MachineView,
    machine_warnings,
    missing_uplink_interfaces,
)
from lbrouter.compile.config.parse import located
from lbrouter.model.facts import InterfaceFacts
from tests.kit.sample_config import EXAMPLE_FILES, VALID_CONFIG, parse_text, with_changes

NAMES = ("wan1", "wan2", "wan3", "lan0", "lan1")


def interface(name: str, *addresses: str, kind: str = "", ours: bool = False) -> InterfaceFacts:
    return InterfaceFacts(
        name=name,
        index=7,
        up=True,
        carrier=True,
        mtu=1500,
        kind=kind,
        ours=ours,
        addresses=tuple(ip_interface(each) for each in addresses),
    )


def machine(*found: InterfaceFacts, speeds: dict[str, int] | None = None) -> MachineView:
    there = {name: interface(name) for name in NAMES} | {each.name: each for each in found}
    return MachineView(interfaces=there, speeds_mbit=speeds or {})


def warnings_on(view: MachineView, text: str = VALID_CONFIG) -> tuple[str, ...]:
    config = parse_text(text).config
    return located(machine_warnings(config, view), text.encode(), source="hall.toml")


def test_a_machine_that_has_it_all_gives_no_warning() -> None:
    assert warnings_on(machine(speeds={"wan1": 100, "lan0": 10})) == ()


@pytest.mark.parametrize(
    "old, name, where",
    [
        ('"wan1"', "wan11", "hall.toml:7: uplinks.fiber.interface"),
        ('"lan0"', "lan9", "hall.toml:34: lan.trunk"),
        ('"lan1"', "land", "hall.toml:53: vlans.desk.port"),
    ],
)
def test_an_interface_that_is_not_there_gets_one_that_is(old: str, name: str, where: str) -> None:
    [warning] = warnings_on(machine(), with_changes((old, f'"{name}"')))
    meant = old.strip('"')
    assert warning == (
        f'{where} = "{name}": this machine has no such interface now, did you mean'
        f' "{meant}"?; accepted: one of "{meant}"'
    )


def test_of_a_file_that_is_in_force_the_lines_without_an_interface_are_told() -> None:
    changes = (('"wan1"', '"wan11"'), ('"lan0"', '"lan9"'))
    config = parse_text(with_changes(*changes)).config
    [told] = missing_uplink_interfaces(config, machine().interfaces)
    assert str(told).startswith(
        'uplinks.fiber.interface = "wan11": this machine has no such interface now'
    )


def test_a_file_without_a_trunk_has_its_ports_looked_for() -> None:
    text = next(each for each in EXAMPLE_FILES if each.stem == "identical-lines").read_text()
    keys = [each.split(" = ")[0].split(": ")[1] for each in warnings_on(MachineView(), text)]
    uplinks = ["uplinks.left.interface", "uplinks.right.interface"]
    assert keys == [*uplinks, "vlans.crew.port", "vlans.guests.port"]


def test_no_interface_is_proposed_that_is_in_use_or_no_port() -> None:
    view = MachineView(
        interfaces={
            each.name: each
            for each in (
                *map(interface, ("lo", "wan2", "wan3", "lan0", "lan1")),
                interface("wan10", kind="ifb"),
                interface("wan12", kind="vlan", ours=True),
            )
        }
    )
    [warning] = warnings_on(view)
    assert warning.endswith('"wan1": this machine has no such interface now')


def test_a_rate_above_the_speed_of_the_port_gives_a_warning() -> None:
    slow_download = with_changes(
        ('download = "100mbit"', 'download = "10mbit"'),
        ('guaranteed = "12mbit"', 'guaranteed = "9mbit"'),
    )
    [warning] = warnings_on(machine(speeds={"wan1": 10, "wan2": 100}), slow_download)
    assert 'uplinks.fiber.upload = "50mbit": is more than the port wan1 carries now, 10' in warning
    both = warnings_on(machine(speeds={"wan1": 10}))
    assert [each.split(" = ")[0].rpartition(".")[2] for each in both] == ["upload", "download"]


def test_a_lease_over_a_vlan_gives_a_warning_with_the_remedy() -> None:
    clause = "10.10.10.7/24 with gateway 10.10.10.1, which overlaps 10.10.10.0/24 of VLAN stream"
    view = MachineView(
        interfaces=machine().interfaces, lease_conflicts={"lte": clause, "fiber": clause, "dsl": ""}
    )
    [warning] = warnings_on(view)
    assert warning == f'hall.toml:25: uplinks.lte.address = "dhcp": holds the lease {clause}'


def test_a_vlan_over_an_address_that_the_system_set_gives_a_warning() -> None:
    external = with_changes(
        ('address = "dhcp"', 'address = "external"'), ('address6 = "auto"\n', "")
    )
    found = interface("wan3", "fe80::1/64", "10.10.0.5/16", "fd10:10::9/48")
    four, six, *others = warnings_on(machine(found), external)
    assert 'vlans.stream.address = "10.10.10.1/24": overlaps 10.10.0.0/16, which the' in four
    assert "which the system has on wan3 (uplink lte); accepted: a subnet of its own" in four
    assert "vlans.stream.address6" in six
    assert len(others) == 2
    assert warnings_on(machine(found)) == ()
    gone = MachineView(interfaces={name: interface(name) for name in NAMES if name != "wan3"})
    assert len(warnings_on(gone, external)) == 1


def test_a_network_that_leaves_no_free_subnet_is_told_without_a_proposal() -> None:
    external = with_changes(('address = "dhcp"', 'address = "external"'))
    found = interface("wan3", "10.10.10.9/24", "172.16.0.1/12", "192.168.0.1/16")
    [warning] = warnings_on(machine(found), external)
    assert "overlaps 10.10.10.0/24" in warning


def test_a_mac_address_that_no_interface_has_is_told_with_what_is_there() -> None:
    text = with_changes(('"wan1"', '{ mac = "02:00:c0:ff:ee:01" }'))
    there = replace(interface("wan1"), mac="02:00:c0:ff:ee:02")
    [warning] = warnings_on(machine(there), text)
    assert (
        'uplinks.fiber.interface = { mac = "02:00:c0:ff:ee:01" }: no interface has the' in warning
    )
    assert "wan1 (02:00:c0:ff:ee:02)" in warning
