"""`SimKernel` and class trees, without the real kernel; and the diff between two such trees."""

import asyncio
from dataclasses import replace

import pytest

from lbrouter.compile.shaping.htb import HTB_MAJOR, htb_class
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import SimKernel
from lbrouter.model.facts import Facts, InterfaceFacts, ObserveScope
from lbrouter.model.kernel_state import HtbClass, KernelState, ManagedObject, Qdisc, Redirect
from lbrouter.model.plan import Phase
from tests.kit.class_changes import CLASS_CHANGES, ONE, PORT, ROOT, TREE, TWO, is_taken, queue

FOUND = InterfaceFacts(name=PORT, index=2, up=True, carrier=True, mtu=1500)


def state_of(*managed: ManagedObject) -> KernelState:
    return KernelState(
        qdiscs=frozenset(each for each in managed if isinstance(each, Qdisc)),
        classes=frozenset(each for each in managed if isinstance(each, HtbClass)),
    )


def machine(*managed: ManagedObject) -> SimKernel:
    return SimKernel(state_of(*managed), Facts(interfaces={PORT: FOUND}))


@pytest.mark.parametrize("name", CLASS_CHANGES)
def test_a_change_of_a_tree(name: str) -> None:
    steps, taken, after = CLASS_CHANGES[name]
    kernel = machine(*TREE)

    async def work() -> list[bool]:
        return [await is_taken(kernel, new, old) for new, old in steps]

    assert asyncio.run(work()) == taken
    assert kernel.state == state_of(*after)


def test_a_redirect_needs_both_interfaces() -> None:
    async def work(to: str) -> bool:
        redirect = Redirect(interface=PORT, direction="egress", to=to)
        return await is_taken(machine(ROOT), redirect, None)

    assert asyncio.run(work("")) is True
    assert asyncio.run(work("lbr-up")) is False


def test_what_is_below_a_class_with_another_parent_is_made_again_too() -> None:
    middle = htb_class(PORT, (HTB_MAJOR, 5), parent=ONE.classid, rate=2_000_000, why="middle")
    child = htb_class(PORT, (HTB_MAJOR, 6), parent=middle.classid, rate=1_000_000, why="child")
    moved = replace(middle, parent=TWO.classid)
    kernel = machine(ROOT, ONE, TWO, middle, child, queue(child))
    wanted = state_of(ROOT, ONE, TWO, moved, child, queue(child))
    plan = diff(kernel.state, wanted).operations

    async def work() -> KernelState:
        for operation in plan:
            await kernel.execute(operation)
        return await kernel.observe(ObserveScope())

    assert asyncio.run(work()) == wanted
    first = [each.managed_object for each in plan if each.phase is Phase.RECLASS]
    assert first == [queue(child), child, middle]
