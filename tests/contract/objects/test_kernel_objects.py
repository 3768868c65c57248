"""Each noun on both kernels: added, changed, removed, and each of these twice."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from lbrouter.compile.state.diff import diff
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import (
    Address,
    Device,
    DeviceKind,
    Family,
    KernelState,
    LinkFlag,
    Noun,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Operation, Phase, Verb
from lbrouter.model.reserved_ids import MARK_MASK, OWN_TABLE, mark_of
from tests.contract.conftest import BARE, SCOPE, SETTING, Arena

NEAR4 = Route(table=7001, destination=ip_network("192.0.2.0/24"), interface="port0")
NEAR6 = Route(table=7001, destination=ip_network("2001:db8::/64"), interface="port0")
LAST = 2_000_000_000
ANY4, ANY6 = ip_network("0.0.0.0/0"), ip_network("::/0")


def address(text: str, **more: bool) -> Address:
    return Address(interface="port0", address=ip_interface(text), **more)


def way(network: object, gateway: str, **more: object) -> Route:
    chosen = {"table": 7001, "interface": "port0", "onlink": True, **more}
    return Route(destination=network, gateway=ip_address(gateway), **chosen)


def closed(network: object, metric: int) -> Route:
    return Route(table=7001, destination=network, metric=metric)


def rule(family: Family, table: int, **more: object) -> Rule:
    return Rule(family=family, priority=10032, table=table, **more)


MARKED = {"mark": mark_of(1), "mask": MARK_MASK}

CASES: dict[str, tuple[list[Noun], Noun, Noun | None]] = {
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
    "default of IPv4": ([NEAR4], way(ANY4, "192.0.2.1"), way(ANY4, "192.0.2.9", interface="port1")),
    "default of IPv6": ([NEAR6], way(ANY6, "2001:db8::9"), way(ANY6, "fe80::1", interface="port1")),
    "metric of IPv4": ([], way(ANY4, "192.0.2.1", metric=7), way(ANY4, "192.0.2.3", metric=7)),
    "MTU of a route": ([NEAR4], way(ANY4, "192.0.2.1", mtu=1400), way(ANY4, "192.0.2.1")),
    "metric of IPv6": ([], way(ANY6, "fe80::1", metric=7), way(ANY6, "fe80::2", metric=7)),
    "unreachable of IPv4": ([], closed(ANY4, LAST), way(ANY4, "192.0.2.1", metric=LAST)),
    "unreachable of IPv6": ([], closed(ANY6, LAST), way(ANY6, "fe80::1", metric=LAST)),
    "closed at once": ([], way(ANY6, "fe80::1"), closed(ANY6, 0)),
    "mark rule of IPv4": ([], rule(Family.V4, 7001, **MARKED), rule(Family.V4, 7002, **MARKED)),
    "mark rule of IPv6": ([], rule(Family.V6, 7001, **MARKED), rule(Family.V6, 0, **MARKED)),
    "device rule": (
        [],
        rule(Family.V4, 7001, out_interface="port0"),
        rule(Family.V4, 7001, out_interface="port1"),
    ),
    "rule that grows narrower": ([], rule(Family.V4, 7001), rule(Family.V4, 7001, **MARKED)),
    "rule that grows wider": ([], rule(Family.V4, 7001, **MARKED), rule(Family.V4, 7001)),
    "suppressing rule": (
        [],
        rule(Family.V6, 254, suppress_prefix_length=0),
        rule(Family.V6, 254, suppress_prefix_length=1),
    ),
    "guard": ([], rule(Family.V4, 0, **MARKED), rule(Family.V4, OWN_TABLE, **MARKED)),
}  # fmt: skip

FEATURES = {"ifb", "vlan"}


def named(names: Iterable[str]) -> pytest.MarkDecorator:
    marked = [
        pytest.param(name, marks=pytest.mark.needs(name)) for name in names if name in FEATURES
    ]
    return pytest.mark.parametrize("name", [*marked, *(n for n in names if n not in FEATURES)])


every_noun = named(list(CASES))
every_change = named([name for name, (_, _, new) in CASES.items() if new is not None])


def add(noun: Noun) -> Operation:
    return Operation(phase=Phase.ROUTE, verb=Verb.ADD, new=noun, old=None, reason="")


async def added(kernel: Kernel, *nouns: Noun) -> None:
    for noun in nouns:
        await kernel.execute(add(noun))


async def held(kernel: Kernel) -> frozenset[Noun]:
    """What is ours, beyond what a machine shows where we never were."""
    found = await kernel.observe(SCOPE)
    quiet = {link for link in found.links if not link.up}
    return frozenset(found.nouns()) - frozenset(BARE.nouns()) - quiet


@every_noun
def test_an_added_noun_is_observed_as_it_was_asked_for(arena: Arena, name: str) -> None:
    before, noun, _ = CASES[name]

    async def work(kernel: Kernel) -> frozenset[Noun]:
        await added(kernel, *before, noun)
        return await held(kernel)

    assert arena(work) == {*before, noun}


@every_noun
def test_adding_twice_is_no_error(arena: Arena, name: str) -> None:
    before, noun, _ = CASES[name]

    async def work(kernel: Kernel) -> frozenset[Noun]:
        await added(kernel, *before, noun, noun)
        return await held(kernel)

    assert arena(work) == {*before, noun}


@every_change
def test_a_changed_noun_is_observed_as_it_was_changed(arena: Arena, name: str) -> None:
    before, old, new = CASES[name]
    assert new is not None
    change = Operation(phase=Phase.ROUTE, verb=Verb.CHANGE, new=new, old=old, reason="")

    async def work(kernel: Kernel) -> list[frozenset[Noun]]:
        await added(kernel, *before, old)
        seen = []
        for step in (change, change, change.inverse(), change.inverse()):
            await kernel.execute(step)
            seen.append(await held(kernel))
        return seen

    after = [{*before, new}, {*before, new}, {*before, old}, {*before, old}]
    assert arena(work) == after


@every_noun
def test_a_removed_noun_is_gone_and_removing_it_again_is_no_error(arena: Arena, name: str) -> None:
    before, noun, _ = CASES[name]

    async def work(kernel: Kernel) -> KernelState:
        await added(kernel, *before, noun)
        for _ in range(2):
            for each in (noun, *reversed(before)):
                await kernel.execute(add(each).inverse())
        return await kernel.observe(SCOPE)

    assert arena(work) == BARE


def test_a_setting_is_set_and_set_back_and_never_removed(arena: Arena) -> None:
    old, new = Sysctl(path=SETTING, value="0"), Sysctl(path=SETTING, value="1")
    change = Operation(phase=Phase.SYSCTL, verb=Verb.CHANGE, new=new, old=old, reason="")

    async def work(kernel: Kernel) -> list[frozenset[Sysctl]]:
        seen = []
        for step in (change, add(new).inverse(), change.inverse()):
            await kernel.execute(step)
            seen.append((await kernel.observe(SCOPE)).sysctls)
        return seen

    assert arena(work) == [{new}, {new}, {old}]


def test_a_link_is_set_down_and_up_again(arena: Arena) -> None:
    up, down = (LinkFlag(interface="port0", up=flag) for flag in (True, False))
    change = Operation(phase=Phase.LINK, verb=Verb.CHANGE, new=down, old=up, reason="")

    async def work(kernel: Kernel) -> list[bool]:
        seen = []
        for step in (change, change.inverse()):
            await kernel.execute(step)
            seen.append(up in (await kernel.observe(SCOPE)).links)
        return seen

    assert arena(work) == [False, True]


@pytest.mark.needs("ifb")
def test_a_new_device_is_down_and_takes_its_addresses_and_routes_along(arena: Arena) -> None:
    device = Device(name="lbr-up", kind=DeviceKind.IFB)
    up = LinkFlag(interface="lbr-up", up=True)
    number = Address(interface="lbr-up", address=ip_interface("192.0.2.1/24"))
    near = Route(table=7001, destination=ip_network("192.0.2.0/24"), interface="lbr-up")

    async def work(kernel: Kernel) -> tuple[frozenset[LinkFlag], KernelState]:
        await added(kernel, device)
        links = (await kernel.observe(SCOPE)).links
        await added(kernel, up, number, near)
        await kernel.execute(add(device).inverse())
        for noun in (near, number):
            await kernel.execute(add(noun).inverse())
        return links, await kernel.observe(SCOPE)

    links, after = arena(work)
    assert links == BARE.links | {LinkFlag(interface="lbr-up", up=False)}
    assert after == BARE


def test_everything_at_once_is_observed_as_one_state(arena: Arena) -> None:
    nouns = [NEAR4, NEAR6, way(ANY4, "192.0.2.1"), closed(ANY4, 9), way(ANY6, "2001:db8::9")]
    rules = [rule(family, 7001, **MARKED) for family in Family]
    wanted = KernelState(
        sysctls=BARE.sysctls, links=BARE.links, routes=frozenset(nouns), rules=frozenset(rules)
    )

    async def work(kernel: Kernel) -> KernelState:
        for operation in diff(await kernel.observe(SCOPE), wanted).operations:
            await kernel.execute(operation)
        return await kernel.observe(SCOPE)

    assert arena(work) == wanted
