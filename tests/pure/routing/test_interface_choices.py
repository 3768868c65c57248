"""From a MAC address or a path to an interface, as links come, go and are renamed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.routing.interface_choices import (
    bound_config,
    interface_conflicts,
    may_move,
    missing_interface_reason,
    named_ports,
)
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from tests.kit.builders import TWO_LINES, config_of

MAC = "02:00:c0:ff:ee:01"
OTHER_MAC = "02:00:c0:ff:ee:02"
PATH = "pci-0000:00:14.0-usb-0:2:1.0"


def port(
    name: str, *, mac: str = "", permanent: str = "", kind: str = "", path: str = ""
) -> InterfaceFacts:
    return InterfaceFacts(
        name=name, index=7, up=True, carrier=True, mtu=1500,
        kind=kind, mac=mac, permanent_mac=permanent, path=path,
    )  # fmt: skip


def machine(*ports: InterfaceFacts) -> dict[str, InterfaceFacts]:
    return {each.name: each for each in (*map(port, ("wan2", "lan1", "lan2", "lan3")), *ports)}


def by_mac(mac: str = MAC, more: str = "") -> Config:
    return config_of(
        TWO_LINES.replace('interface = "wan1"', f'interface = {{ mac = "{mac}" }}\n{more}')
    )


def port_of(config: Config, *ports: InterfaceFacts, uplink: str = "fiber") -> str:
    return bound_config(config, machine(*ports)).uplinks[uplink].port


def test_the_interface_is_found_by_its_mac_address_whatever_its_name() -> None:
    config = by_mac()
    assert port_of(config, port("stick", mac=MAC)) == "stick"
    assert port_of(config, port("usb7", mac=MAC)) == "usb7"
    assert port_of(config, port("usb7", mac=OTHER_MAC)) == "none:fiber"
    assert may_move(config)
    assert not may_move(config_of(TWO_LINES))


def test_by_its_path_too() -> None:
    config = config_of(
        TWO_LINES.replace('interface = "wan1"', f'interface = {{ path = "{PATH}" }}')
    )
    assert port_of(config, port("usb7", path=PATH), port("usb8", path="pci-0000:00:1f.6")) == "usb7"


def test_the_mac_address_that_it_was_made_with_counts_first() -> None:
    there = (port("copy", mac=MAC, permanent=OTHER_MAC), port("real", mac=OTHER_MAC, permanent=MAC))
    assert port_of(by_mac(), *there) == "real"
    assert port_of(by_mac(), there[0]) == "copy"


def test_what_stands_on_a_port_is_never_meant() -> None:
    there = (
        port("eth0", mac=MAC),
        port("eth0.7", mac=MAC, kind="vlan"),
        port("br0", mac=MAC, kind="bridge"),
    )
    assert port_of(by_mac(), *there) == "eth0"
    assert list(interface_conflicts(by_mac(), machine(*there))) == []


def test_a_port_whose_address_we_changed_is_still_the_same() -> None:
    config = by_mac(more='mac = "02:00:00:00:00:07"')
    assert port_of(config, port("eth0", mac="02:00:00:00:00:07")) == "eth0"
    assert (
        port_of(config, port("eth0", mac="02:00:00:00:00:07", permanent=OTHER_MAC)) == "none:fiber"
    )


def test_a_mac_address_that_two_interfaces_have_is_told_with_their_names() -> None:
    there = machine(port("eth0", mac=MAC), port("eth1", mac=MAC))
    [conflict] = interface_conflicts(by_mac(), there)
    assert (conflict.uplink, conflict.key, conflict.value) == ("fiber", "interface", {"mac": MAC})
    assert conflict.reason == "2 interfaces have it: eth0, eth1"
    bound = bound_config(by_mac(), there)
    assert bound.uplinks["fiber"].port == "none:fiber"
    told = missing_interface_reason(bound.uplinks["fiber"], there, named_ports(bound))
    assert str(told) == f"several interfaces have the MAC {MAC}: eth0, eth1"


def test_an_interface_of_another_line_is_not_taken() -> None:
    there = machine(port("eth0", mac=OTHER_MAC))
    there["wan2"] = port("wan2", mac=MAC)
    [conflict] = interface_conflicts(by_mac(), there)
    assert conflict.reason == "it is interface wan2, in use already by uplinks.lte"
    assert bound_config(by_mac(), there).uplinks["fiber"].port == "none:fiber"


def test_a_tag_on_an_interface_that_is_a_vlan_is_told() -> None:
    config = by_mac(more="vlan = 35")
    named = config_of(TWO_LINES.replace('"wan1"', '"provider"\nvlan = 35'))
    [conflict] = interface_conflicts(named, machine(port("provider", kind="vlan")))
    assert (conflict.key, conflict.value) == ("vlan", 35)
    assert "provider is a VLAN already" in conflict.reason
    assert (
        bound_config(config, machine(port("wan9", mac=MAC))).uplinks["fiber"].interface == "wan9.35"
    )


def test_a_line_that_waits_says_what_is_there() -> None:
    config = bound_config(by_mac(), machine(port("eth0", mac=OTHER_MAC)))
    found = health_without_daemon(config, Facts(interfaces=machine(port("eth0", mac=OTHER_MAC))))
    line = found.uplinks["fiber"]
    assert str(line.state) == "waiting"
    assert line.reason.startswith(
        f"no interface has the MAC {MAC}; there are: eth0 ({OTHER_MAC}), "
    )
    by_path = config_of(
        TWO_LINES.replace('interface = "wan1"', f'interface = {{ path = "{PATH}" }}')
    )
    told = missing_interface_reason(
        by_path.uplinks["fiber"], machine(port("eth0", path="pci-1")), ()
    )
    assert "there are: eth0 (pci-1), lan1 (no path)" in str(told)


def test_a_name_that_is_gone_gets_a_hint_of_a_near_one_that_is_not_used() -> None:
    config = config_of(TWO_LINES.replace('"wan1"', '"usb-modem-1"'))
    there = machine(port("usb-modem-2"))
    told = missing_interface_reason(config.uplinks["fiber"], there, named_ports(config))
    assert str(told) == "interface usb-modem-1 is not there; usb-modem-2 is: is it the same device?"
    told = missing_interface_reason(config.uplinks["fiber"], machine(), named_ports(config))
    assert str(told) == "interface usb-modem-1 is not there"


PHONE = TWO_LINES.replace('"wan2"', '"enx0200c0ffee01"').replace(
    'address = "198.51.100.2/30"\ngateway = "198.51.100.1"', 'address = "dhcp"'
)


@pytest.mark.parametrize(
    "text, names, taken",
    [
        (PHONE, ["enx0200c0ffee02"], "enx0200c0ffee02"),
        (PHONE, ["enx0200c0ffee01", "enx0200c0ffee02"], "enx0200c0ffee01"),
        (PHONE, ["enx0200c0ffee02", "enx0200c0ffee03"], "enx0200c0ffee01"),
        (PHONE, ["usb0"], "enx0200c0ffee01"),
        (PHONE.replace('"wan1"', '"enx0200c0ffee02"'), ["enx0200c0ffee02"], "enx0200c0ffee01"),
        (PHONE.replace("enx0200c0ffee01", "usb0"), ["enx0200c0ffee02"], "usb0"),
    ],
)  # fmt: skip
def test_a_phone_that_comes_back_with_another_mac_address_is_taken(
    text: str, names: list[str], taken: str
) -> None:
    """Only where nothing else can be meant, and only of a line by DHCP."""
    config = config_of(text)
    assert port_of(config, *map(port, names), uplink="lte") == taken


def test_a_static_line_is_never_moved_to_another_interface() -> None:
    config = config_of(TWO_LINES.replace('"wan1"', '"enx0200c0ffee01"'))
    assert port_of(config, port("enx0200c0ffee02")) == "enx0200c0ffee01"


@given(
    names=st.lists(st.sampled_from(["eth0", "usb1", "enp3s0u2", "wwan0"]), min_size=1, max_size=9)
)
def test_under_any_sequence_of_names_the_line_keeps_its_number_and_follows(
    names: list[str],
) -> None:
    config = by_mac()
    first = allocate(bound_config(config, {}), Allocation())
    for name in names:
        bound = bound_config(config, machine(port(name, mac=MAC)))
        config = replace_nothing(bound)
        assert bound.uplinks["fiber"].port == name
        assert allocate(bound, first).uplinks == first.uplinks
        assert bound.uplinks["fiber"].identity == by_mac().uplinks["fiber"].identity


def replace_nothing(config: Config) -> Config:
    """The bound file is what the next binding begins with, as in the daemon."""
    return config


def test_ports_of_our_own_are_not_listed() -> None:
    ours = replace(port("lbr-35-aaaa", mac=MAC), ours=True)
    assert port_of(by_mac(), ours) == "none:fiber"
