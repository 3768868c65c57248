"""What stands below a line's addresses: its tagged device, its MAC address, its MTU."""

from dataclasses import replace
from ipaddress import ip_interface

from lbrouter.compile.routing.uplink_addressing import stable_facts, uplink_nexthop
from lbrouter.compile.routing.uplink_links import link_settings
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.desired import (
    desired_state,
    state_after_down,
    updated_baseline,
)
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import apply_operation
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.kernel_state import Address, AddressFamily, Device, DeviceKind, KernelState
from lbrouter.model.objects.link_setting import LinkProperty, LinkSetting
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

FIBER = 'interface = "wan1"'


def with_keys(more: str) -> Config:
    return config_of(TWO_LINES.replace(FIBER, f"{FIBER}\n{more}"))


def machine_of(config: Config, *, without: tuple[str, ...] = ()) -> Facts:
    """The machine before an apply: what lbrouter makes is not there."""
    made = tuple(line.interface for line in config.uplinks.values() if line.vlan is not None)
    return facts_of(config, without=(*made, *without))


def desired(config: Config, facts: Facts, baseline: KernelState | None = None) -> KernelState:
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config),
        facts=stable_facts(config, facts),
        baseline=baseline or KernelState(),
    )


TAGGED = with_keys("vlan = 35")


def test_the_device_of_a_tag_is_made_and_carries_the_line_at_the_first_apply() -> None:
    state = desired(TAGGED, machine_of(TAGGED))
    wanted = Device(name="wan1.35", kind=DeviceKind.VLAN, parent="wan1", tag=35)
    assert wanted in state.devices
    assert {a.interface for a in state.addresses} >= {"wan1.35"}
    assert "wan1" not in {a.interface for a in state.addresses}
    assert {r.interface for r in state.routes if r.table == 7001} == {"wan1.35", ""}
    assert {q.interface for q in state.qdiscs} >= {"wan1.35"}
    assert {(link.interface, link.up) for link in state.links} >= {
        ("wan1", True),
        ("wan1.35", True),
    }
    said = [command_line(step) for step in diff(KernelState(), state).operations]
    assert "ip link add link wan1 name wan1.35 type vlan id 35" in said
    assert said.index("ip link set wan1 up") < said.index("ip link set wan1.35 up")


def test_router_advertisements_on_the_bare_port_are_not_heeded() -> None:
    state = desired(TAGGED, machine_of(TAGGED))
    values = {setting.path: setting.value for setting in state.sysctls}
    assert values["net/ipv6/conf/wan1/accept_ra"] == "0"
    assert "net/ipv4/conf/wan1/rp_filter" not in values


def test_a_device_that_another_program_made_is_used_and_stays() -> None:
    facts = machine_of(TAGGED)
    theirs = InterfaceFacts(
        name="wan1.35", index=9, up=True, carrier=True, mtu=1500, kind="vlan", parent="wan1", tag=35
    )
    state = desired(TAGGED, replace(facts, interfaces={**facts.interfaces, "wan1.35": theirs}))
    assert "wan1.35" not in {device.name for device in state.devices}
    assert "wan1.35" in {a.interface for a in state.addresses}


def test_without_the_port_nothing_of_the_line_is_wanted() -> None:
    facts = facts_of(TAGGED, without=("wan1",))
    state = desired(TAGGED, facts)
    nouns = (*state.devices, *state.addresses, *state.links, *state.qdiscs)
    assert not [noun for noun in nouns if "wan1" in str(noun.key)]
    assert (
        uplink_nexthop(TAGGED.uplinks["fiber"], AddressFamily.V4, stable_facts(TAGGED, facts))
        is None
    )


def test_the_largest_packet_is_that_of_the_file_then_of_the_lease_then_of_the_device() -> None:
    config = with_keys("mtu = 1420")
    facts = facts_of(config)
    routes = [r for r in desired(config, facts).routes if r.interface == "wan1"]
    assert {route.mtu for route in routes} == {1420}
    assert {route.family for route in routes} == {AddressFamily.V4, AddressFamily.V6}
    narrow = {**facts.interfaces, "wan1": replace(facts.interfaces["wan1"], mtu=1400)}
    way = uplink_nexthop(
        config.uplinks["fiber"], AddressFamily.V4, replace(facts, interfaces=narrow)
    )
    assert way is not None
    assert way.mtu == 0


def test_packets_larger_than_ethernets_need_a_larger_port() -> None:
    tagged = with_keys("vlan = 35\nmtu = 2000")
    settings = {(s.interface, s.kind, s.value) for s in link_settings(tagged)}
    assert settings == {(name, LinkProperty.MTU, "2000") for name in ("wan1", "wan1.35")}
    pppoe = config_of(
        TWO_LINES.replace(
            'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n',
            'address = "pppoe"\nusername = "a"\npassword_file = "/a"\nmtu = 1500\n',
        )
    )
    [setting] = link_settings(pppoe)
    assert (setting.interface, setting.value) == ("wan1", "1508")
    assert link_settings(with_keys("mtu = 1492")) == frozenset()


MAC_CONFIG = with_keys('mac = "02:00:00:00:00:07"')
FOUND = LinkSetting(interface="wan1", kind=LinkProperty.MAC, value="02:00:00:00:00:99")


def test_the_mac_address_is_set_before_the_link_goes_up_and_given_back_on_down() -> None:
    facts = facts_of(MAC_CONFIG)
    before = KernelState(link_settings=frozenset({FOUND}))
    wanted = desired(MAC_CONFIG, facts)
    said = [command_line(step) for step in diff(before, wanted).operations]
    change = "ip link set wan1 address 02:00:00:00:00:07"
    assert said.index(change) < said.index("ip link set wan1 up")
    baseline = updated_baseline(KernelState(), before, MAC_CONFIG)
    assert baseline.link_settings == {FOUND}
    assert updated_baseline(baseline, wanted, MAC_CONFIG).link_settings == {FOUND}
    steps = diff(wanted, state_after_down(baseline, facts)).operations
    assert "ip link set wan1 address 02:00:00:00:00:99" in map(command_line, steps)
    state = wanted
    for step in steps:
        state = apply_operation(state, step)
    assert FOUND in state.link_settings
    undone = apply_operation(state, diff(before, wanted).operations[0].inverse())
    assert FOUND in undone.link_settings


def test_without_the_key_in_the_next_file_the_address_is_given_back() -> None:
    plain, facts = config_of(TWO_LINES), facts_of(MAC_CONFIG)
    baseline = updated_baseline(
        KernelState(), KernelState(link_settings=frozenset({FOUND})), MAC_CONFIG
    )
    assert FOUND in desired(plain, facts, baseline).link_settings
    assert updated_baseline(baseline, KernelState(), plain).link_settings == frozenset()


def test_further_addresses_are_ours_and_their_subnets_are_reached() -> None:
    config = with_keys('addresses = ["203.0.113.77/32", "198.18.5.2/29", "198.18.5.3/29"]')
    state = desired(config, facts_of(config))
    for text in ("203.0.113.77/32", "198.18.5.2/29", "198.18.5.3/29"):
        wanted = Address(interface="wan1", address=ip_interface(text), prefix_route=False)
        assert wanted in state.addresses
    near = [r for r in state.routes if str(r.destination) == "198.18.5.0/29"]
    assert {(r.table, str(r.source)) for r in near} == {(7001, "198.18.5.2"), (7000, "198.18.5.2")}
    assert not [r for r in state.routes if str(r.destination) == "203.0.113.77/32"]


EXTERNAL = config_of(
    TWO_LINES.replace('interface = "wan2"\naddress = "198.51.100.2/30"\ngateway = "198.51.100.1"',
                      'interface = "wwan0"\naddress = "external"')
)  # fmt: skip


def test_a_device_route_of_the_system_is_a_way_out_without_a_gateway() -> None:
    facts = facts_of(EXTERNAL)
    wwan = replace(
        facts.interfaces["wwan0"],
        addresses=(ip_interface("10.77.0.2/32"),),
        device_routes=frozenset({AddressFamily.V4}),
    )
    here = replace(facts, interfaces={**facts.interfaces, "wwan0": wwan})
    way = uplink_nexthop(EXTERNAL.uplinks["lte"], AddressFamily.V4, here)
    assert way is not None
    assert (way.gateway, way.subnet_is_connected, way.onlink) == (None, False, False)
    said = [command_line(s) for s in diff(KernelState(), desired(EXTERNAL, here)).operations]
    assert "ip route replace default dev wwan0 src 10.77.0.2 table 7002 proto 76" in said
    none = replace(wwan, device_routes=frozenset())
    there = replace(facts, interfaces={**facts.interfaces, "wwan0": none})
    assert uplink_nexthop(EXTERNAL.uplinks["lte"], AddressFamily.V4, there) is None
    assert uplink_nexthop(EXTERNAL.uplinks["lte"], AddressFamily.V6, here) is None
