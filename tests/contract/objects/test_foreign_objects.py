"""Objects of other programs: never observed, never changed, and reported where they conflict."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import TypeVar

import pytest

from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import LbrouterError, NotAppliedError, UnavailableError
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    LinkAdminState,
    ManagedObject,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Action, Operation, Phase
from tests.contract.conftest import PRISTINE_STATE, SCOPE, in_namespace, shell

T = TypeVar("T")

FOREIGN_OBJECTS_SCRIPT = """
ip link add strange type veth peer name far-strange
ip addr add 203.0.113.9/24 dev port0
ip addr add 2001:db8:9::9/64 dev port0 nodad
ip route add 10.9.0.0/16 via 203.0.113.1 dev port0
ip route add default via 203.0.113.1 dev port0
ip route add default via 203.0.113.2 dev port0 metric 50
ip -6 route add default via 2001:db8:9::1 dev port0
ip route add 10.8.0.0/16 dev port1 table 7003
ip route add 10.7.0.0/16 dev port1 proto 76 table 6999
ip rule add pref 10020 fwmark 0x1 lookup 100
ip rule add pref 9000 fwmark 0x0f000000/0xff000000 lookup 100
ip rule add pref 10100 protocol 76 lookup 100
ip -6 rule add pref 10020 lookup 100
tc qdisc add dev port1 root handle 1: tbf rate 1mbit burst 10k latency 10ms
nft add table inet strange
"""

SNAPSHOT_COMMAND = (
    "ip -d -o addr | sed 's/valid_lft.*//; /fe80/d'; ip rule; ip -6 rule;"
    " ip -4 route show table all; ip -6 route show table all | sed '/fe80/d; /ff00/d';"
    " tc qdisc; nft list ruleset"
)


def on_kernel(before: str, work: Callable[[LinuxKernel], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with LinuxKernel() as kernel:
            return await work(kernel)

    def prepared() -> T:
        shell(before)
        return asyncio.run(opened())

    return in_namespace(prepared)


def add_operation(managed: ManagedObject) -> Operation:
    return Operation(phase=Phase.ROUTE, action=Action.ADD, new=managed, old=None, reason="")


def refusal_of(before: str, managed: ManagedObject) -> LbrouterError:
    with pytest.raises(LbrouterError) as caught:
        on_kernel(before, lambda kernel: kernel.execute(add_operation(managed)))
    return caught.value


def test_foreign_objects_are_not_observed() -> None:
    assert on_kernel(FOREIGN_OBJECTS_SCRIPT, lambda kernel: kernel.observe(SCOPE)) == PRISTINE_STATE


def test_foreign_objects_survive_all_that_is_added_and_removed_beside_them() -> None:
    ours: list[ManagedObject] = [
        Address(interface="port0", address=ip_interface("203.0.113.10/24"), prefix_route=False),
        Address(interface="port0", address=ip_interface("2001:db8:9::10/64"), prefix_route=False),
        Route(table=7003, destination=ip_network("10.9.0.0/16"), interface="port1"),
        Rule(family=AddressFamily.V4, priority=10020, table=100),
        Rule(family=AddressFamily.V6, priority=10021, table=100),
    ]

    async def work(kernel: LinuxKernel) -> tuple[str, str, str]:
        before = shell(SNAPSHOT_COMMAND)
        for managed in ours:
            await kernel.execute(add_operation(managed))
        between = shell(SNAPSHOT_COMMAND)
        for managed in ours:
            await kernel.execute(add_operation(managed).inverse())
        return before, between, shell(SNAPSHOT_COMMAND)

    before, between, after = on_kernel(FOREIGN_OBJECTS_SCRIPT, work)
    assert between != before
    assert after == before


def test_our_first_address_of_a_subnet_leaves_without_the_second_which_is_not_ours() -> None:
    """By default the kernel drops all addresses of a subnet together with its first one."""
    ours = Address(interface="port0", address=ip_interface("192.0.2.1/24"))

    async def work(kernel: LinuxKernel) -> tuple[str, str]:
        await kernel.execute(add_operation(ours))
        shell("ip addr add 192.0.2.2/24 dev port0")
        await kernel.execute(add_operation(ours).inverse())
        return shell("ip -o addr show dev port0"), shell(
            "cat /proc/sys/net/ipv4/conf/port0/promote_secondaries"
        )

    addresses, promote = on_kernel("true", work)
    assert "192.0.2.2/24" in addresses
    assert "192.0.2.1/24" not in addresses
    assert promote.strip() == "0"


def test_removing_leaves_what_has_the_same_key_and_is_not_ours() -> None:
    strange = """
    ip addr add 192.0.2.1/24 dev port0
    ip route add default dev port0 table 7001
    ip rule add pref 10032 lookup 7001
    ip rule add pref 10033 lookup 7001 protocol 75
    """
    same: list[ManagedObject] = [
        Address(interface="port0", address=ip_interface("192.0.2.1/24")),
        Route(table=7001, destination=ip_network("0.0.0.0/0"), interface="port0"),
        Rule(family=AddressFamily.V4, priority=10032, table=7001),
        Rule(family=AddressFamily.V4, priority=10033, table=7001),
    ]

    async def work(kernel: LinuxKernel) -> tuple[str, str]:
        before = shell(SNAPSHOT_COMMAND)
        for managed in same:
            await kernel.execute(add_operation(managed).inverse())
        for rule in same[2:]:
            await kernel.execute(add_operation(rule))
            await kernel.execute(add_operation(rule).inverse())
        return before, shell(SNAPSHOT_COMMAND)

    before, after = on_kernel(strange, work)
    assert before == after


def test_facts_list_what_the_machine_has() -> None:
    facts: Facts = on_kernel(FOREIGN_OBJECTS_SCRIPT, lambda kernel: kernel.facts(SCOPE))
    port = facts.interfaces["port0"]
    assert (port.up, port.carrier, port.kind, port.mtu, port.ours) == (
        True,
        True,
        "veth",
        1500,
        False,
    )
    assert ip_interface("203.0.113.9/24") in port.foreign_addresses
    assert ip_interface("2001:db8:9::9/64") in port.foreign_addresses
    assert port.gateways == tuple(map(ip_address, ("203.0.113.1", "203.0.113.2", "2001:db8:9::1")))
    assert not facts.interfaces["strange"].up
    assert set(facts.interfaces) >= {"lo", "port0", "port1", "strange"}


def test_facts_distinguish_our_addresses_from_others() -> None:
    ours = Address(interface="port0", address=ip_interface("192.0.2.1/24"))

    async def work(kernel: LinuxKernel) -> Facts:
        await kernel.execute(add_operation(ours))
        return await kernel.facts(SCOPE)

    port = on_kernel("ip addr add 192.0.2.2/24 dev port0", work).interfaces["port0"]
    assert ours.address in port.addresses
    assert ours.address not in port.foreign_addresses
    assert ip_interface("192.0.2.2/24") in port.foreign_addresses


def test_conflicts_name_who_stands_in_our_way_and_how_to_see_it() -> None:
    conflicts = on_kernel(FOREIGN_OBJECTS_SCRIPT, lambda kernel: kernel.facts(SCOPE)).conflicts
    assert len(conflicts) == 5
    assert any("priority 10020" in each and "ip rule show pref 10020" in each for each in conflicts)
    assert any("fwmark 0xf000000/0xff000000" in each for each in conflicts)
    assert any("fwmark 0x1/0xffffffff" in each for each in conflicts)
    assert any("ip route show table 7003" in each for each in conflicts)
    assert any("tbf" in each and "tc qdisc show dev port1" in each for each in conflicts)


def test_a_bare_machine_has_no_conflicts() -> None:
    assert on_kernel("true", lambda kernel: kernel.facts(SCOPE)).conflicts == ()


REFUSALS: dict[str, tuple[str, ManagedObject, type[LbrouterError], str]] = {
    "a device's name is taken": (
        "ip link add lbr-up type veth peer name far-up",
        Device(name="lbr-up", kind=DeviceKind.IFB),
        NotAppliedError,
        "not created by lbrouter",
    ),
    "an address is somebody's": (
        "ip addr add 192.0.2.1/24 dev port0",
        Address(interface="port0", address=ip_interface("192.0.2.1/24")),
        NotAppliedError,
        "set by another program",
    ),
    "a route is somebody's": (
        "ip route add 192.0.2.0/24 dev port1 table 7001",
        Route(table=7001, destination=ip_network("192.0.2.0/24"), interface="port0"),
        NotAppliedError,
        "Another program's route",
    ),
    "an interface is absent": (
        "true",
        Address(interface="wan7", address=ip_interface("192.0.2.1/24")),
        NotAppliedError,
        "ip addr add 192.0.2.1/24 dev wan7",
    ),
    "a link is absent": (
        "true",
        LinkAdminState(interface="wan7", up=True),
        NotAppliedError,
        "ip link set wan7 up",
    ),
    "IPv6 is off": (
        "echo 1 > /proc/sys/net/ipv6/conf/port0/disable_ipv6",
        Address(interface="port0", address=ip_interface("2001:db8::1/64")),
        UnavailableError,
        "IPv6 is switched off on port0",
    ),
    "a gateway cannot be reached": (
        "true",
        Route(
            table=7001,
            destination=ip_network("0.0.0.0/0"),
            interface="port0",
            gateway=ip_address("192.0.2.1"),
        ),
        NotAppliedError,
        "ip route replace default via 192.0.2.1",
    ),
    "a setting does not exist": (
        "true",
        Sysctl(path="net/ipv4/no_such_thing", value="1"),
        UnavailableError,
        "net/ipv4/no_such_thing",
    ),
    "a setting takes no such value": (
        "true",
        Sysctl(path="net/ipv4/ip_forward", value="often"),
        NotAppliedError,
        "net.ipv4.ip_forward",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_what_was_refused(name: str) -> None:
    before, managed, kind, words = REFUSALS[name]
    error = refusal_of(before, managed)
    assert type(error) is kind
    assert words in error.message


def test_a_missing_vlan_module_is_named() -> None:
    from lbrouter.kernel.read.features import features

    if "vlan" in features():
        pytest.skip("this kernel has 802.1Q")
    error = refusal_of(
        "true", Device(name="port0.10", kind=DeviceKind.VLAN, parent="port0", tag=10)
    )
    assert type(error) is UnavailableError
    assert "802.1Q" in error.message
    assert "8021q" in error.message
