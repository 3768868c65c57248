"""Leases are inputs: addresses, routes, sets, `status` and reasons follow from them."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, ip_address, ip_interface
from math import inf

import pytest

from lbrouter.compile.health.carrier_only import (
    health_without_daemon,
    missing_lease_warnings,
    no_nexthop_reason,
)
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.desired import desired_state
from lbrouter.model.config import Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import Address, AddressFamily, KernelState, Route
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.message import told
from lbrouter.model.plan import Action, Operation, Phase
from tests.kit.builders import config_of, facts_of

CONFIG = config_of("""
[gateway]
name = "leased"
[uplinks.lte]
interface = "wan1"
address = "dhcp"
[uplinks.venue]
interface = "wan2"
address = "external"
""")


def lease(
    address: str = "192.0.2.77/24", gateway: str = "192.0.2.1", mtu: int | None = None
) -> UplinkLease:
    return UplinkLease(
        address=IPv4Interface(address),
        gateway=IPv4Address(gateway),
        server=IPv4Address(gateway),
        mtu=mtu,
        obtained_at=0,
        renew_at=inf,
        rebind_at=inf,
        expires_at=inf,
    )


def facts_with_leases(**leases: UplinkLease) -> Facts:
    return replace(facts_of(CONFIG), leases=leases)


def facts_with_wan2(addresses: tuple[str, ...], gateways: tuple[str, ...]) -> Facts:
    found = facts_of(CONFIG)
    wan2 = replace(
        found.interfaces["wan2"],
        addresses=tuple(map(ip_interface, addresses)),
        gateways=tuple(map(ip_address, gateways)),
    )
    return replace(found, interfaces={**found.interfaces, "wan2": wan2})


def desired(found: Facts) -> KernelState:
    return desired_state(
        CONFIG,
        allocation=allocate(CONFIG, Allocation()),
        health=health_without_daemon(CONFIG, found),
        facts=found,
        baseline=KernelState(),
    )


def test_address_routes_and_sets_follow_from_the_lease() -> None:
    state = desired(facts_with_leases(lte=lease()))
    [address] = state.addresses
    assert (address.interface, str(address.address)) == ("wan1", "192.0.2.77/24")
    assert (address.prefix_route, address.why) == (False, "lease of uplink lte")
    nexthops = {(r.table, str(r.destination), str(r.gateway)) for r in state.routes if r.interface}
    assert nexthops == {
        (7001, "192.0.2.0/24", "None"),
        (7001, "0.0.0.0/0", "192.0.2.1"),
        (7000, "192.0.2.0/24", "None"),
        (7000, "0.0.0.0/0", "192.0.2.1"),
    }
    assert state.nft is not None
    assert ("192.0.2.77", "") in state.nft.elements["bogon4"]


def test_without_a_lease_there_is_nothing_of_it() -> None:
    state = desired(facts_with_leases())
    assert state.addresses == frozenset()
    assert not any(route.interface for route in state.routes)


def test_a_router_outside_of_the_subnet_is_reached_on_link() -> None:
    nexthop = uplink_nexthop(
        CONFIG.uplinks["lte"], AddressFamily.V4, facts_with_leases(lte=lease("192.0.2.77/32"))
    )
    assert nexthop is not None
    assert nexthop.onlink
    assert (
        uplink_nexthop(CONFIG.uplinks["lte"], AddressFamily.V6, facts_with_leases(lte=lease()))
        is None
    )


@pytest.mark.parametrize("said, counts", [(1400, 1400), (1500, 0), (9000, 0), (None, 0)])
def test_only_a_smaller_mtu_than_the_interface_has_counts(said: int | None, counts: int) -> None:
    found = desired(facts_with_leases(lte=lease(mtu=said)))
    assert {route.mtu for route in found.routes if route.interface} == {counts}


def test_the_route_command_includes_its_mtu() -> None:
    [default] = [
        r
        for r in desired(facts_with_leases(lte=lease(mtu=1400))).routes
        if r.table == 7001 and r.gateway
    ]
    step = Operation(phase=Phase.ROUTE, action=Action.ADD, new=default, old=None, reason="")
    said = command_line(step)
    assert said.endswith("proto 76 mtu 1400")


def test_a_new_gateway_replaces_one_route_and_no_address() -> None:
    before, after = (
        desired(facts_with_leases(lte=lease())),
        desired(facts_with_leases(lte=lease(gateway="192.0.2.9"))),
    )
    assert before.addresses == after.addresses
    changed = [r for r in after.routes - before.routes if isinstance(r, Route)]
    assert {(r.table, r.destination.prefixlen) for r in changed} == {(7000, 0), (7001, 0)}


def reason_text(uplink: Uplink, facts: Facts) -> str:
    return str(no_nexthop_reason(uplink, facts))


def test_reasons_are_for_a_technician() -> None:
    bare = facts_of(CONFIG)
    lte, venue = CONFIG.uplinks.values()
    assert reason_text(lte, bare) == "no DHCP lease on wan1: the daemon asks for one (lbrouter run)"
    assert (
        reason_text(lte, replace(bare, no_address_reasons={"lte": told("nobody answers")}))
        == "nobody answers"
    )
    assert reason_text(lte, facts_of(CONFIG, without=("wan1",))) == "interface wan1 is not there"
    said = "no address on wan2 (external): the system has configured none"
    assert reason_text(venue, facts_with_wan2(("169.254.7.7/16",), ())) == said
    assert reason_text(venue, facts_with_wan2(("192.0.2.7/24",), ())).startswith(
        "no default gateway by wan2"
    )
    static = config_of(
        '[gateway]\nname = "a"\n[uplinks.a]\ninterface = "w"\naddress6 = "2001:db8::2/64"\n'
        'gateway6 = "2001:db8::1"\n'
    ).uplinks["a"]
    assert (
        reason_text(static, Facts(interfaces=facts_with_wan2((), ()).interfaces))
        == "interface w is not there"
    )


def test_health_without_daemon_waits_for_leases_and_says_who_fetches_them() -> None:
    health = health_without_daemon(CONFIG, facts_with_leases()).uplinks["lte"]
    assert (health.state, health.alive) == (UplinkState.WAITING, False)
    assert (
        health_without_daemon(CONFIG, facts_with_leases(lte=lease())).uplinks["lte"].state
        is UplinkState.UP
    )
    [said] = missing_lease_warnings(CONFIG, facts_with_leases())
    assert said.startswith("uplinks.lte has no DHCP lease yet: the daemon")
    assert list(missing_lease_warnings(CONFIG, facts_with_leases(lte=lease()))) == []


@pytest.mark.parametrize(
    "addresses, gateways, nexthop",
    [
        (("192.0.2.7/24",), ("192.0.2.1",), ("192.0.2.7/24", "192.0.2.1")),
        (("10.0.0.7/8", "192.0.2.7/24"), ("192.0.2.1",), ("192.0.2.7/24", "192.0.2.1")),
        (("192.0.2.7/32",), ("198.51.100.1",), ("192.0.2.7/32", "198.51.100.1")),
        (("192.0.2.7/24",), (), None),
        (("169.254.1.1/16",), ("192.0.2.1",), None),
    ],
)
def test_an_external_line_leaves_by_the_address_next_to_its_gateway(
    addresses: tuple[str, ...], gateways: tuple[str, ...], nexthop: tuple[str, str] | None
) -> None:
    found = uplink_nexthop(
        CONFIG.uplinks["venue"], AddressFamily.V4, facts_with_wan2(addresses, gateways)
    )
    assert (None if found is None else (str(found.address), str(found.gateway))) == nexthop


def test_a_line_without_a_carrier_is_down() -> None:
    bare = facts_of(CONFIG, carrier=False)
    assert health_without_daemon(CONFIG, bare).uplinks["lte"].state is UplinkState.DOWN


def test_an_address_that_a_neighbour_leased_too_stays_his() -> None:
    found = facts_with_leases(lte=lease())
    wan1 = replace(found.interfaces["wan1"], foreign_addresses=(ip_interface("192.0.2.77/24"),))
    state = desired(replace(found, interfaces={**found.interfaces, "wan1": wan1}))
    assert not any(isinstance(a, Address) for a in state.addresses)


def test_a_renewal_changes_nothing_that_the_kernel_has() -> None:
    renewed = replace(lease(), renew_at=60.0)
    assert renewed.kernel_fields == lease().kernel_fields != lease(mtu=1400).kernel_fields
