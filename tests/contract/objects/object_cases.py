"""Kernel objects to add, change and remove: a case for each kind."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    ManagedObject,
    Route,
    Rule,
)
from lbrouter.model.reserved_ids import GATEWAY_TABLE, MARK_MASK, uplink_mark

CONNECTED_ROUTE_V4 = Route(table=7001, destination=ip_network("192.0.2.0/24"), interface="port0")
CONNECTED_ROUTE_V6 = Route(table=7001, destination=ip_network("2001:db8::/64"), interface="port0")
LAST_RESORT_METRIC = 2_000_000_000
ANY4, ANY6 = ip_network("0.0.0.0/0"), ip_network("::/0")


def address(text: str, **more: bool) -> Address:
    return Address(interface="port0", address=ip_interface(text), **more)


def route_via(network: object, gateway: str, **more: object) -> Route:
    chosen = {"table": 7001, "interface": "port0", "onlink": True, **more}
    return Route(destination=network, gateway=ip_address(gateway), **chosen)


def unreachable_route(network: object, metric: int) -> Route:
    return Route(table=7001, destination=network, metric=metric)


def rule(family: AddressFamily, table: int, **more: object) -> Rule:
    return Rule(family=family, priority=10032, table=table, **more)


MARK_MATCH = {"mark": uplink_mark(1), "mask": MARK_MASK}

OBJECT_CASES: dict[str, tuple[list[ManagedObject], ManagedObject, ManagedObject | None]] = {
    # what exists before; the object; what it is changed to (None: it has no fields to change)
    "ifb": ([], Device(name="lbr-up", kind=DeviceKind.IFB), None),
    "vlan": (
        [],
        Device(name="port0.10", kind=DeviceKind.VLAN, parent="port0", tag=10),
        Device(name="port0.10", kind=DeviceKind.VLAN, parent="port1", tag=11),
    ),
    "address of IPv4": ([], address("192.0.2.1/24", prefix_route=False), address("192.0.2.1/24")),
    "address of a point": ([], address("192.0.2.1/32"), None),
    "address of IPv6": (
        [],
        address("2001:db8::1/64", prefix_route=False),
        address("2001:db8::1/64"),
    ),
    "connected route of IPv4": (
        [address("192.0.2.1/24"), address("192.0.2.2/24")],
        Route(table=7001, destination=ANY4, interface="port0", source=ip_address("192.0.2.1")),
        Route(table=7001, destination=ANY4, interface="port0", source=ip_address("192.0.2.2")),
    ),
    "connected route of IPv6": (
        [address("2001:db8::1/64")],
        Route(table=7001, destination=ANY6, interface="port0", source=ip_address("2001:db8::1")),
        Route(table=7001, destination=ANY6, interface="port1"),
    ),
    "default of IPv4": (
        [CONNECTED_ROUTE_V4],
        route_via(ANY4, "192.0.2.1"),
        route_via(ANY4, "192.0.2.9", interface="port1"),
    ),
    "default of IPv6": (
        [CONNECTED_ROUTE_V6],
        route_via(ANY6, "2001:db8::9"),
        route_via(ANY6, "fe80::1", interface="port1"),
    ),
    "metric of IPv4": (
        [],
        route_via(ANY4, "192.0.2.1", metric=7),
        route_via(ANY4, "192.0.2.3", metric=7),
    ),
    "MTU of a route": (
        [CONNECTED_ROUTE_V4],
        route_via(ANY4, "192.0.2.1", mtu=1400),
        route_via(ANY4, "192.0.2.1"),
    ),
    "metric of IPv6": (
        [],
        route_via(ANY6, "fe80::1", metric=7),
        route_via(ANY6, "fe80::2", metric=7),
    ),
    "unreachable of IPv4": (
        [],
        unreachable_route(ANY4, LAST_RESORT_METRIC),
        route_via(ANY4, "192.0.2.1", metric=LAST_RESORT_METRIC),
    ),
    "unreachable of IPv6": (
        [],
        unreachable_route(ANY6, LAST_RESORT_METRIC),
        route_via(ANY6, "fe80::1", metric=LAST_RESORT_METRIC),
    ),
    "closed at once": ([], route_via(ANY6, "fe80::1"), unreachable_route(ANY6, 0)),
    "mark rule of IPv4": (
        [],
        rule(AddressFamily.V4, 7001, **MARK_MATCH),
        rule(AddressFamily.V4, 7002, **MARK_MATCH),
    ),
    "mark rule of IPv6": (
        [],
        rule(AddressFamily.V6, 7001, **MARK_MATCH),
        rule(AddressFamily.V6, 0, **MARK_MATCH),
    ),
    "device rule": (
        [],
        rule(AddressFamily.V4, 7001, out_interface="port0"),
        rule(AddressFamily.V4, 7001, out_interface="port1"),
    ),
    "rule that grows narrower": (
        [],
        rule(AddressFamily.V4, 7001),
        rule(AddressFamily.V4, 7001, **MARK_MATCH),
    ),
    "rule that grows wider": (
        [],
        rule(AddressFamily.V4, 7001, **MARK_MATCH),
        rule(AddressFamily.V4, 7001),
    ),
    "suppressing rule": (
        [],
        rule(AddressFamily.V6, 254, suppress_prefix_length=0),
        rule(AddressFamily.V6, 254, suppress_prefix_length=1),
    ),
    "guard": (
        [],
        rule(AddressFamily.V4, 0, **MARK_MATCH),
        rule(AddressFamily.V4, GATEWAY_TABLE, **MARK_MATCH),
    ),
}

FEATURES_NEEDED = {"ifb", "vlan"}


def parametrized_by_name(names: Iterable[str]) -> pytest.MarkDecorator:
    marked = [
        pytest.param(name, marks=pytest.mark.needs(name))
        for name in names
        if name in FEATURES_NEEDED
    ]
    return pytest.mark.parametrize(
        "name", [*marked, *(n for n in names if n not in FEATURES_NEEDED)]
    )


every_object = parametrized_by_name(list(OBJECT_CASES))
every_changed_object = parametrized_by_name(
    [name for name, (_, _, new) in OBJECT_CASES.items() if new is not None]
)
