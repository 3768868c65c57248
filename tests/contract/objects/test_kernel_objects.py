"""Each kind of object on both kernels: added, changed, removed, and each of these twice."""

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from lbrouter.compile.state.diff import diff
from lbrouter.model.facts import ObserveScope
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
    Sysctl,
)
from lbrouter.model.objects.link_setting import LinkProperty, LinkSetting
from lbrouter.model.plan import Action, Operation, Phase
from tests.contract.conftest import PRISTINE_STATE, SCOPE, SYSCTL_PATH, KernelRunner
from tests.contract.objects.object_cases import (
    ANY4,
    ANY6,
    CONNECTED_ROUTE_V4,
    CONNECTED_ROUTE_V6,
    MARK_MATCH,
    OBJECT_CASES,
    every_changed_object,
    every_object,
    route_via,
    rule,
    unreachable_route,
)


def add_operation(managed: ManagedObject) -> Operation:
    return Operation(phase=Phase.ROUTE, action=Action.ADD, new=managed, old=None, reason="")


async def add_all(kernel: Kernel, *objects: ManagedObject) -> None:
    for managed in objects:
        await kernel.execute(add_operation(managed))


async def own_objects(kernel: Kernel) -> frozenset[ManagedObject]:
    """Our objects: what is observed beyond a machine where lbrouter never ran."""
    found = await kernel.observe(SCOPE)
    quiet = {link for link in found.links if not link.up}
    return frozenset(found.objects()) - frozenset(PRISTINE_STATE.objects()) - quiet


@every_object
def test_an_added_object_is_observed_as_it_was_asked_for(
    run_on_kernel: KernelRunner, name: str
) -> None:
    before, managed, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> frozenset[ManagedObject]:
        await add_all(kernel, *before, managed)
        return await own_objects(kernel)

    assert run_on_kernel(work) == {*before, managed}


@every_object
def test_adding_twice_is_no_error(run_on_kernel: KernelRunner, name: str) -> None:
    before, managed, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> frozenset[ManagedObject]:
        await add_all(kernel, *before, managed, managed)
        return await own_objects(kernel)

    assert run_on_kernel(work) == {*before, managed}


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
    before, managed, _ = OBJECT_CASES[name]

    async def work(kernel: Kernel) -> KernelState:
        await add_all(kernel, *before, managed)
        for _ in range(2):
            for each in (managed, *reversed(before)):
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


@pytest.mark.parametrize(
    "kind, value", [(LinkProperty.MAC, "02:00:00:00:00:07"), (LinkProperty.MTU, "1420")]
)
def test_a_property_of_a_link_is_set_and_set_back_and_never_removed(
    run_on_kernel: KernelRunner, kind: LinkProperty, value: str
) -> None:
    new = LinkSetting(interface="port0", kind=kind, value=value)
    scope = ObserveScope(link_settings=frozenset({new.key}))

    async def work(kernel: Kernel) -> list[frozenset[LinkSetting]]:
        first = (await kernel.observe(scope)).link_settings
        [old] = first or {replace(new, value="02:00:00:00:00:99")}
        change = Operation(phase=Phase.SYSCTL, action=Action.CHANGE, new=new, old=old, reason="")
        seen = [frozenset({old})]
        for step in (change, add_operation(new).inverse(), change.inverse()):
            await kernel.execute(step)
            seen.append((await kernel.observe(scope)).link_settings)
        return seen

    old, changed, kept, back = run_on_kernel(work)
    assert (changed, kept, back) == ({new}, {new}, old)


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
        for managed in (near, number):
            await kernel.execute(add_operation(managed).inverse())
        return links, await kernel.observe(SCOPE)

    links, after = run_on_kernel(work)
    assert links == PRISTINE_STATE.links | {LinkAdminState(interface="lbr-up", up=False)}
    assert after == PRISTINE_STATE


def test_everything_at_once_is_observed_as_one_state(run_on_kernel: KernelRunner) -> None:
    objects = [
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
        routes=frozenset(objects),
        rules=frozenset(rules),
    )

    async def work(kernel: Kernel) -> KernelState:
        for operation in diff(await kernel.observe(SCOPE), wanted).operations:
            await kernel.execute(operation)
        return await kernel.observe(SCOPE)

    assert run_on_kernel(work) == wanted
