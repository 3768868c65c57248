"""Each noun on both kernels: added, changed, removed, and each of these twice."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from lbrouter.compile.state.diff import diff
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    KernelState,
    LinkAdminState,
    ManagedObject,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.model.reserved_ids import GATEWAY_TABLE, MARK_MASK, uplink_mark
from tests.contract.conftest import PRISTINE_STATE, SCOPE, SYSCTL_PATH, KernelRunner

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
    # what stands before; the noun; what it is changed to (None: it has no fields to change)
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


def add_operation(noun: ManagedObject) -> Operation:
    return Operation(phase=Phase.ROUTE, action=Action.ADD, new=noun, old=None, reason="")


async def add_all(kernel: Kernel, *nouns: ManagedObject) -> None:
    for noun in nouns:
        await kernel.execute(add_operation(noun))


async def own_objects(kernel: Kernel) -> frozenset[ManagedObject]:
    """What is ours, beyond what a machine shows where we never were."""
    found = await kernel.observe(SCOPE)
    quiet = {link for link in found.links if not link.up}
    return frozenset(found.objects()) - frozenset(PRISTINE_STATE.objects()) - quiet


@every_object
def test_an_added_object_is_observed_as_it_was_asked_for(
    run_on_kernel: KernelRunner, name: str
) -> None:
    before, noun, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> frozenset[ManagedObject]:
        await add_all(kernel, *before, noun)
        return await own_objects(kernel)

    assert run_on_kernel(work) == {*before, noun}


@every_object
def test_adding_twice_is_no_error(run_on_kernel: KernelRunner, name: str) -> None:
    before, noun, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> frozenset[ManagedObject]:
        await add_all(kernel, *before, noun, noun)
        return await own_objects(kernel)

    assert run_on_kernel(work) == {*before, noun}


@every_changed_object
def test_a_changed_object_is_observed_as_it_was_changed(
    run_on_kernel: KernelRunner, name: str
) -> None:
    before, old, new = OBJECT_CASES[name]
    assert new is not None
    change = Operation(phase=Phase.ROUTE, action=Action.CHANGE, new=new, old=old, reason="")

    async def work(kernel: Kernel) -> list[frozenset[ManagedObject]]:
        await add_all(kernel, *before, old)
        seen = []
        for step in (change, change, change.inverse(), change.inverse()):
            await kernel.execute(step)
            seen.append(await own_objects(kernel))
        return seen

    after = [{*before, new}, {*before, new}, {*before, old}, {*before, old}]
    assert run_on_kernel(work) == after


@every_object
def test_a_removed_object_is_gone_and_removing_it_again_is_no_error(
    run_on_kernel: KernelRunner, name: str
) -> None:
    before, noun, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> KernelState:
        await add_all(kernel, *before, noun)
        for _ in range(2):
            for each in (noun, *reversed(before)):
                await kernel.execute(add_operation(each).inverse())
        return await kernel.observe(SCOPE)

    assert run_on_kernel(work) == PRISTINE_STATE


def test_a_setting_is_set_and_set_back_and_never_removed(run_on_kernel: KernelRunner) -> None:
    old, new = Sysctl(path=SYSCTL_PATH, value="0"), Sysctl(path=SYSCTL_PATH, value="1")
    change = Operation(phase=Phase.SYSCTL, action=Action.CHANGE, new=new, old=old, reason="")

    async def work(kernel: Kernel) -> list[frozenset[Sysctl]]:
        seen = []
        for step in (change, add_operation(new).inverse(), change.inverse()):
            await kernel.execute(step)
            seen.append((await kernel.observe(SCOPE)).sysctls)
        return seen

    assert run_on_kernel(work) == [{new}, {new}, {old}]


def test_a_link_is_set_down_and_up_again(run_on_kernel: KernelRunner) -> None:
    up, down = (LinkAdminState(interface="port0", up=flag) for flag in (True, False))
    change = Operation(phase=Phase.LINK, action=Action.CHANGE, new=down, old=up, reason="")

    async def work(kernel: Kernel) -> list[bool]:
        seen = []
        for step in (change, change.inverse()):
            await kernel.execute(step)
            seen.append(up in (await kernel.observe(SCOPE)).links)
        return seen

    assert run_on_kernel(work) == [False, True]


@pytest.mark.needs("ifb")
def test_a_new_device_is_down_and_takes_its_addresses_and_routes_along(
    run_on_kernel: KernelRunner,
) -> None:
    device = Device(name="lbr-up", kind=DeviceKind.IFB)
    up = LinkAdminState(interface="lbr-up", up=True)
    number = Address(interface="lbr-up", address=ip_interface("192.0.2.1/24"))
    near = Route(table=7001, destination=ip_network("192.0.2.0/24"), interface="lbr-up")

    async def work(kernel: Kernel) -> tuple[frozenset[LinkAdminState], KernelState]:
        await add_all(kernel, device)
        links = (await kernel.observe(SCOPE)).links
        await add_all(kernel, up, number, near)
        await kernel.execute(add_operation(device).inverse())
        for noun in (near, number):
            await kernel.execute(add_operation(noun).inverse())
        return links, await kernel.observe(SCOPE)

    links, after = run_on_kernel(work)
    assert links == PRISTINE_STATE.links | {LinkAdminState(interface="lbr-up", up=False)}
    assert after == PRISTINE_STATE


def test_everything_at_once_is_observed_as_one_state(run_on_kernel: KernelRunner) -> None:
    nouns = [
        CONNECTED_ROUTE_V4,
        CONNECTED_ROUTE_V6,
        route_via(ANY4, "192.0.2.1"),
        unreachable_route(ANY4, 9),
        route_via(ANY6, "2001:db8::9"),
    ]
    rules = [rule(family, 7001, **MARK_MATCH) for family in AddressFamily]
    wanted = KernelState(
        sysctls=PRISTINE_STATE.sysctls,
        links=PRISTINE_STATE.links,
        routes=frozenset(nouns),
        rules=frozenset(rules),
    )

    async def work(kernel: Kernel) -> KernelState:
        for operation in diff(await kernel.observe(SCOPE), wanted).operations:
            await kernel.execute(operation)
        return await kernel.observe(SCOPE)

    assert run_on_kernel(work) == wanted
