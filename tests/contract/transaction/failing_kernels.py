"""Two states that differ in every noun, and kernels that fail on the way from one to the other."""

import asyncio
import os
import signal
from ipaddress import ip_address, ip_interface, ip_network

from lbrouter.compile.state.diff import diff
from lbrouter.kernel.storage.store import Store
from lbrouter.kernel.transaction import transact
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Facts, Scope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import Address, Family, KernelState, Route, Rule, Sysctl
from lbrouter.model.plan import Operation
from lbrouter.model.reserved_ids import MARK_MASK, mark_of
from tests.contract.conftest import BARE, SCOPE, SETTING

ANY = ip_network("0.0.0.0/0")


def state(number: int) -> KernelState:
    """One of two states that differ in every noun: the way has additions, changes, removals."""
    port = f"port{number - 1}"
    gateway = ip_address(f"192.0.2.{number}")
    return KernelState(
        sysctls=frozenset({Sysctl(path=SETTING, value=str(number))}),
        links=BARE.links,
        addresses=frozenset(
            Address(interface=port, address=ip_interface(text), prefix_route=False)
            for text in (f"192.0.2.10{number}/24", f"2001:db8::{number}/64")
        ),
        routes=frozenset(
            {
                Route(table=7001, destination=ip_network("192.0.2.0/24"), interface=port),
                Route(table=7001, destination=ANY, interface=port, gateway=gateway),
                Route(table=7001, destination=ANY, metric=1000 + number),
                Route(table=7000 + number, destination=ip_network("::/0")),
            }
        ),
        rules=frozenset(
            {
                marked(Family.V4, 10032, table=7001, mark=mark_of(number)),
                marked(Family.V6, 10032 + number, table=7000 + number, mark=mark_of(1)),
            }
        ),
    )


def marked(family: Family, priority: int, *, table: int, mark: int) -> Rule:
    return Rule(family=family, priority=priority, table=table, mark=mark, mask=MARK_MASK)


STEPS = len(diff(state(1), state(2)).operations)


class Faulty:
    """A kernel whose operation number `step`, counted from 0, goes through `fault` instead."""

    def __init__(self, kernel: Kernel, step: int) -> None:
        self.kernel = kernel
        self.left = step

    async def observe(self, scope: Scope) -> KernelState:
        return await self.kernel.observe(scope)

    async def facts(self, scope: Scope) -> Facts:
        return await self.kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        self.left -= 1
        if self.left == -1:
            await self.fault(operation)
        else:
            await self.kernel.execute(operation)

    async def fault(self, operation: Operation) -> None:
        raise NotAppliedError(f"No luck with {operation.noun.key}.")


class Interrupted(Faulty):
    """Carries the operation out and gets a signal, and one more at each step of the undo."""

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            await asyncio.sleep(0)


class Cancelled(Faulty):
    """Carries the operation out and is cancelled, and again during each step of the undo."""

    task: "asyncio.Task[None]"

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        self.left -= 1
        if self.left < 0:
            self.task.cancel()
            await asyncio.sleep(0)


class Killed(Faulty):
    """Carries the operation out; then the process is gone before it can learn of it."""

    async def fault(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        os.kill(os.getpid(), signal.SIGKILL)


async def reach(kernel: Kernel, desired: KernelState, *, store: Store | None = None) -> None:
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
