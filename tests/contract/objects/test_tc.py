"""Shaping on the real kernel: it is read back as it was set; a second run changes nothing."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import pytest
from pyroute2 import AsyncIPRoute

from lbrouter.compile.shaping.htb import (
    GATEWAY_MINOR,
    HTB_MAJOR,
    UNLIMITED_RATE_BPS,
    CakeHostMode,
    LinkLayer,
    QueueKind,
    classid,
    htb_class,
    htb_root,
    leaf_qdisc,
)
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.objects import qdisc
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import ObserveScope
from lbrouter.model.kernel_state import HtbClass, ManagedObject, Qdisc, Redirect
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.model.reserved_ids import DEVICE_ALIAS

pytestmark = pytest.mark.needs("htb")

PORT = "port0"
IFB = "lbr-test"
SCOPE = ObserveScope(interfaces=frozenset({PORT}))
T = TypeVar("T")

RATE_LADDER_BPS = [  # each decade, round and uneven values, to beyond 32 bits of bytes per second
    64_000, 99_999, 800_000, 1_234_568, 5_000_000, 7_999_992, 8_000_000, 8_000_008, 20_000_000,
    95_000_000, 123_456_784, 499_999_992, 500_000_000, 950_000_000, 3_333_333_328, 10_000_000_000,
    34_359_738_360, 34_359_738_368, 40_000_000_000, UNLIMITED_RATE_BPS,
]  # fmt: skip

ObservedShaping = tuple[frozenset[Qdisc], frozenset[HtbClass], frozenset[Redirect]]


def on_kernel(work: Callable[[AsyncIPRoute], Awaitable[T]]) -> T:
    """`work` in a fresh namespace that has a port and an IFB of ours."""

    async def opened() -> T:
        run_shell(f"ip link add {PORT} type veth peer name far0")
        run_shell(f"ip link add {IFB} type ifb && ip link set {IFB} alias {DEVICE_ALIAS} up")
        run_shell(f"ip link set {PORT} up; ip link set far0 up")
        async with AsyncIPRoute(strict_check=True, ext_ack=True) as ipr:
            return await work(ipr)

    return in_scratch_namespace(lambda: asyncio.run(opened()))


def run_shell(command: str) -> str:
    return subprocess.run(["sh", "-ec", command], check=True, capture_output=True, text=True).stdout


def operation(new: ManagedObject | None, old: ManagedObject | None = None) -> Operation:
    verb = Action.REMOVE if new is None else Action.ADD if old is None else Action.CHANGE
    return Operation(phase=Phase.QDISC, action=verb, new=new, old=old, reason="")


async def execute_all(ipr: AsyncIPRoute, objects: Sequence[ManagedObject]) -> None:
    for managed in objects:
        await qdisc.execute(ipr, operation(managed))


def class_tree(
    rates: Sequence[int],
    queue: QueueKind = QueueKind.PFIFO,
    hosts: CakeHostMode = CakeHostMode.SOURCE,
) -> list[ManagedObject]:
    """A root, a line, its default class and a leaf for each of `rates`."""
    wire = LinkLayer(overhead=24, mpu=84, frame=9014)
    line = htb_class(PORT, classid(uplink=1), rate=sum(rates) + 8_000, link_layer=wire, why="line")
    own = htb_class(
        PORT, (HTB_MAJOR, GATEWAY_MINOR), parent=line.classid, rate=8_000, ceil=line.rate, why="own"
    )
    each = [
        htb_class(
            PORT, classid(uplink=1, vlan=number), parent=line.classid, rate=rate, ceil=2 * rate,
            prio=number % 8, quantum=1514 + number, why=f"{rate}",
        )
        for number, rate in enumerate(rates, start=1)
    ]  # fmt: skip
    leaves = [leaf_qdisc(one, line_rate=one.rate, queue=queue, hosts=hosts) for one in (own, *each)]
    return [htb_root(PORT, "root"), line, own, *each, *leaves]


def by_kind(objects: Sequence[ManagedObject]) -> ObservedShaping:
    return (
        frozenset(managed for managed in objects if isinstance(managed, Qdisc)),
        frozenset(managed for managed in objects if isinstance(managed, HtbClass)),
        frozenset(managed for managed in objects if isinstance(managed, Redirect)),
    )


def test_every_rate_and_burst_comes_back_as_it_was_asked_for() -> None:
    wanted = class_tree(RATE_LADDER_BPS)

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        return await qdisc.observe(ipr, SCOPE)

    assert on_kernel(work) == by_kind(wanted)


@pytest.mark.parametrize(
    "queue, hosts",
    [
        pytest.param(QueueKind.FQ_CODEL, CakeHostMode.SOURCE, marks=pytest.mark.needs("fq_codel")),
        pytest.param(QueueKind.CAKE, CakeHostMode.SOURCE, marks=pytest.mark.needs("cake")),
        pytest.param(QueueKind.CAKE, CakeHostMode.DESTINATION, marks=pytest.mark.needs("cake")),
    ],
)
def test_queues_come_back_as_they_were_asked_for(queue: QueueKind, hosts: CakeHostMode) -> None:
    wanted = class_tree(RATE_LADDER_BPS, queue, hosts)

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        return await qdisc.observe(ipr, SCOPE)

    assert on_kernel(work) == by_kind(wanted)


def test_what_is_done_twice_is_no_error_and_changes_nothing() -> None:
    wanted = [*class_tree([1_000_000]), Redirect(interface=PORT, direction="egress", to=IFB)]

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        await execute_all(ipr, wanted)
        seen = await qdisc.observe(ipr, SCOPE)
        for _ in range(2):
            for managed in reversed(wanted):
                await qdisc.execute(ipr, operation(None, managed))
        assert await qdisc.observe(ipr, SCOPE) == by_kind([])
        assert run_shell(f"tc qdisc show dev {PORT}").split()[1] == "noqueue"
        return seen

    assert on_kernel(work) == by_kind(wanted)


def test_a_removed_root_takes_its_classes_and_their_removal_is_no_error() -> None:
    wanted = class_tree([1_000_000])

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        for managed in wanted:
            await qdisc.execute(ipr, operation(None, managed))
        return await qdisc.observe(ipr, SCOPE)

    assert on_kernel(work) == by_kind([])


def test_removing_from_an_interface_that_is_gone_is_no_error() -> None:
    wanted = [*class_tree([1_000_000]), Redirect(interface=PORT, direction="egress", to=IFB)]

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        run_shell(f"ip link del {PORT}")
        for managed in wanted:
            await qdisc.execute(ipr, operation(None, managed))
        return await qdisc.observe(ipr, SCOPE)

    assert on_kernel(work) == by_kind([])


def test_somebody_elses_root_is_named_and_left_alone() -> None:
    async def work(ipr: AsyncIPRoute) -> str:
        run_shell(f"tc qdisc add dev {PORT} root handle 1: tbf rate 1gbit burst 90k latency 9ms")
        before = run_shell(f"tc qdisc show dev {PORT}")
        with pytest.raises(NotAppliedError, match=f"Interface {PORT} has .* another program"):
            await qdisc.execute(ipr, operation(htb_root(PORT, "")))
        await qdisc.execute(ipr, operation(None, htb_root(PORT, "")))
        assert await qdisc.observe(ipr, SCOPE) == by_kind([])
        assert run_shell(f"tc qdisc show dev {PORT}") == before
        return before

    assert on_kernel(work)


@pytest.mark.parametrize("named, taken", [(0x1, True), (0x2, False)])
def test_somebody_elses_root_goes_only_where_its_own_handle_is_named(
    *, named: int, taken: bool
) -> None:
    async def work(ipr: AsyncIPRoute) -> bool:
        run_shell(f"tc qdisc add dev {PORT} root handle 1: tbf rate 1gbit burst 90k latency 9ms")
        with suppress(NotAppliedError):
            await qdisc.execute(ipr, operation(replace(htb_root(PORT, ""), replaces=named)))
        seen = (await qdisc.observe(ipr, SCOPE))[0]
        return seen == frozenset({htb_root(PORT, "")})

    assert on_kernel(work) is taken


def test_a_redirect_shares_the_clsact_with_the_filters_of_others() -> None:
    redirect = Redirect(interface=PORT, direction="egress", to=IFB)
    foreign = f"tc filter add dev {PORT} ingress protocol ip prio 9 u32 match u32 0 0 flowid 1:1"

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        run_shell(f"tc qdisc add dev {PORT} clsact; {foreign}")
        before = run_shell(f"tc filter show dev {PORT} ingress")
        await execute_all(ipr, [redirect])
        seen = await qdisc.observe(ipr, SCOPE)
        await qdisc.execute(ipr, operation(None, redirect))
        assert await qdisc.observe(ipr, SCOPE) == by_kind([])
        assert run_shell(f"tc filter show dev {PORT} ingress") == before
        return seen

    assert on_kernel(work) == by_kind([redirect])


DAMAGE = {
    "the root is gone": f"tc qdisc del dev {PORT} root",
    "a leaf is another": f"tc qdisc replace dev {PORT} parent 4c01:1001 bfifo limit 9000",
    "a leaf is longer": f"tc qdisc change dev {PORT} parent 4c01:1001 pfifo limit 7",
    "a leaf is gone": f"tc qdisc del dev {PORT} parent 4c01:1001",
    "a class is slower": f"tc class change dev {PORT} parent 4c01:1000 classid 4c01:1001 htb"
    " rate 1kbit",
    "a class has no burst": f"tc class change dev {PORT} parent 4c01:1000 classid 4c01:1001 htb"
    " rate 1mbit ceil 2mbit prio 1 quantum 1515",
    "a class is gone": f"tc qdisc del dev {PORT} parent 4c01:1001;"
    f" tc class del dev {PORT} classid 4c01:1001",
    "a class too many": f"tc class add dev {PORT} parent 4c01: classid 4c01:99 htb rate 1mbit",
    "the root has another default": f"tc qdisc del dev {PORT} root;"
    f" tc qdisc add dev {PORT} root handle 4c01: htb default 5;"
    f" tc class add dev {PORT} parent 4c01: classid 4c01:5 htb rate 1mbit",
    "the redirect is gone": f"tc filter del dev {PORT} egress",
    "the clsact is gone": f"tc qdisc del dev {PORT} clsact",
    "the redirect leads nowhere": f"ip link del {IFB}; ip link add {IFB} type ifb;"
    f" ip link set {IFB} alias {DEVICE_ALIAS}",
}


@pytest.mark.parametrize("command", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_by_hand_is_seen_and_repaired(command: str) -> None:
    wanted = [*class_tree([1_000_000]), Redirect(interface=PORT, direction="egress", to=IFB)]

    async def work(ipr: AsyncIPRoute) -> ObservedShaping:
        await execute_all(ipr, wanted)
        run_shell(command)
        seen = {
            managed.key: managed for group in await qdisc.observe(ipr, SCOPE) for managed in group
        }
        assert seen != {managed.key: managed for managed in wanted}
        for managed in wanted:
            if seen.get(managed.key) != managed:
                await qdisc.execute(ipr, operation(managed, seen.get(managed.key)))
        for key, managed in seen.items():
            if key not in {each.key for each in wanted}:
                await qdisc.execute(ipr, operation(None, managed))
        return await qdisc.observe(ipr, SCOPE)

    assert on_kernel(work) == by_kind(wanted)
