"""`desired_state` on a trunk and on machines that lack something; what the simulation refuses."""

import asyncio
from dataclasses import replace

import pytest

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state, restored_settings
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import SimKernel, apply_operation
from lbrouter.compile.state.sysctls import sysctls
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.kernel_state import Device, DeviceKind, KernelState, LinkAdminState, Sysctl
from lbrouter.model.plan import Action, Operation, Phase
from tests.kit.builders import TWO_LINES, config_of, facts_of

TRUNK = config_of(
    TWO_LINES.replace('port = "lan1"', "id = 10").replace('port = "lan2"', "id = 40")
    + '\n[lan]\ntrunk = "trunk0"\n'
)
FACTS = facts_of(TRUNK, without=("trunk0.10", "trunk0.40"))


def _desired(facts: Facts) -> KernelState:
    return desired_state(
        TRUNK,
        allocation=allocate(TRUNK, Allocation()),
        health=health_without_daemon(TRUNK, facts),
        facts=facts,
        baseline=KernelState(),
    )


def test_tagged_vlans_get_devices_on_the_trunk() -> None:
    state = _desired(FACTS)
    tags = {(d.name, d.parent, d.tag) for d in state.devices if d.kind is DeviceKind.VLAN}
    assert tags == {("trunk0.10", "trunk0", 10), ("trunk0.40", "trunk0", 40)}
    assert {"trunk0", "trunk0.10", "lan3"} <= {link.interface for link in state.links if link.up}
    assert ("trunk0", "") in state.nft.elements["known_interfaces"]
    assert "trunk0.10" in {address.interface for address in state.addresses}


def test_without_its_trunk_a_vlan_waits_and_the_rest_works() -> None:
    state = _desired(facts_of(TRUNK, without=("trunk0", "trunk0.10", "trunk0.40")))
    assert not [d for d in state.devices if d.kind is DeviceKind.VLAN]
    assert {a.interface for a in state.addresses} == {"wan1", "wan2", "lan3"}
    assert state.rules == _desired(FACTS).rules


def test_a_trunk_that_comes_later_joins_by_the_same_path() -> None:
    missing = facts_of(TRUNK, without=("trunk0", "trunk0.10", "trunk0.40"))
    phases = {op.phase for op in diff(_desired(missing), _desired(FACTS)).operations}
    assert {Phase.DEVICE, Phase.LINK, Phase.ADDRESS} <= phases
    assert Phase.RULE not in phases


def test_settings_without_ipv6_speak_of_ipv4_alone() -> None:
    config = config_of(
        '[gateway]\nname = "g"\n[uplinks.a]\ninterface = "wan1"\naddress = "192.0.2.2/24"\n'
        'gateway = "192.0.2.1"\n[vlans.v]\nport = "lan1"\naddress = "10.0.0.1/24"\npolicy = "p"\n'
        '[policies.p]\nmode = "failover"\nuplinks = ["a"]\n'
    )
    paths = {setting.path for setting in sysctls(config, frozenset({"wan1", "lan1"}))}
    assert not any(path.startswith("net/ipv6") for path in paths)
    assert "net/ipv4/conf/lan1/accept_redirects" in paths


def test_a_baseline_knows_interfaces_with_dots() -> None:
    found = KernelState(
        sysctls=frozenset(
            {
                Sysctl(path="net/ipv4/conf/trunk0.10/rp_filter", value="1"),
                Sysctl(path="net/ipv4/conf/gone0/rp_filter", value="1"),
                Sysctl(path="net/ipv4/ip_forward", value="0"),
            }
        )
    )
    back = restored_settings(found, facts_of(TRUNK), excluding=KernelState())
    assert {s.path for s in back.sysctls} == {
        "net/ipv4/conf/trunk0.10/rp_filter",
        "net/ipv4/ip_forward",
    }


def test_the_simulated_kernel_sees_what_is_in_scope() -> None:
    setting = Sysctl(path="net/ipv4/ip_forward", value="1")
    link = LinkAdminState(interface="trunk0", up=True)
    kernel = SimKernel(KernelState(sysctls=frozenset({setting}), links=frozenset({link})), FACTS)
    seen = asyncio.run(kernel.observe(ObserveScope(interfaces=frozenset({"trunk0"}))))
    assert seen == KernelState(links=frozenset({link}))
    assert asyncio.run(kernel.facts(ObserveScope())) is FACTS


def _device_operation(name: str, parent: str, verb: Action = Action.ADD) -> Operation:
    device = Device(name=name, kind=DeviceKind.VLAN, parent=parent, tag=7)
    old, new = (device, None) if verb is Action.REMOVE else (None, device)
    return Operation(phase=Phase.DEVICE, action=verb, new=new, old=old, reason="")


def test_the_simulated_kernel_refuses_what_lacks_its_interface() -> None:
    with pytest.raises(NotAppliedError, match="trunk9"):
        asyncio.run(
            SimKernel(KernelState(), FACTS).execute(_device_operation("trunk9.7", "trunk9"))
        )


def test_in_the_simulated_kernel_a_device_takes_its_link_along() -> None:
    made = apply_operation(KernelState(), _device_operation("trunk0.7", "trunk0"))
    assert made.links == {LinkAdminState(interface="trunk0.7", up=False)}
    assert apply_operation(made, _device_operation("trunk0.7", "trunk0")).links == made.links
    assert (
        apply_operation(made, _device_operation("trunk0.7", "trunk0", Action.REMOVE))
        == KernelState()
    )
    setting = Sysctl(path="net/ipv4/ip_forward", value="1")
    gone = Operation(phase=Phase.SYSCTL, action=Action.REMOVE, new=None, old=setting, reason="")
    held = KernelState(sysctls=frozenset({setting}))
    assert apply_operation(held, gone) == held


def test_a_vlan_device_that_somebody_else_made_is_used_and_never_ours() -> None:
    facts = facts_of(TRUNK)
    standing = facts.interfaces["trunk0.10"]
    theirs = replace(standing, kind="vlan", parent="trunk0", tag=10)
    adopted = replace(facts, interfaces={**facts.interfaces, "trunk0.10": theirs})
    state = _desired(adopted)
    assert {d.name for d in state.devices if d.kind is DeviceKind.VLAN} == {"trunk0.40"}
    assert LinkAdminState(interface="trunk0.10", up=True) in state.links
    assert "trunk0.10" in {address.interface for address in state.addresses}
    for other in (replace(theirs, ours=True), replace(theirs, tag=11), standing):
        interfaces = {**facts.interfaces, "trunk0.10": other}
        devices = _desired(replace(facts, interfaces=interfaces)).devices
        assert "trunk0.10" in {device.name for device in devices}
