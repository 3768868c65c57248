"""Two states that differ in every kind of object, and kernels that fail between them."""

import asyncio
import os
import signal
from ipaddress import ip_address, ip_interface, ip_network

from lbrouter.compile.state.diff import diff
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import Address, AddressFamily, KernelState, Route, Rule, Sysctl
from lbrouter.model.plan import Operation
from lbrouter.model.reserved_ids import MARK_MASK, uplink_mark
from tests.contract.conftest import PRISTINE_STATE, SCOPE, SYSCTL_PATH

DEFAULT_V4 = ip_network("0.0.0.0/0")


def sample_state(number: int) -> KernelState:
    """One of two states that differ in every kind of object: the plan adds, changes and removes."""
    port = f"port{number - 1}"
    gateway = ip_address(f"192.0.2.{number}")
    return KernelState(
        sysctls=frozenset({Sysctl(path=SYSCTL_PATH, value=str(number))}),
        links=PRISTINE_STATE.links,
        addresses=frozenset(
            Address(interface=port, address=ip_interface(text), prefix_route=False)
            for text in (f"192.0.2.10{number}/24", f"2001:db8::{number}/64")
        ),
        routes=frozenset(
            {
                Route(table=7001, destination=ip_network("192.0.2.0/24"), interface=port),
                Route(table=7001, destination=DEFAULT_V4, interface=port, gateway=gateway),
                Route(table=7001, destination=DEFAULT_V4, metric=1000 + number),
                Route(table=7000 + number, destination=ip_network("::/0")),
            }
        ),
        rules=frozenset(
            {
                fwmark_rule(AddressFamily.V4, 10032, table=7001, mark=uplink_mark(number)),
                fwmark_rule(
                    AddressFamily.V6, 10032 + number, table=7000 + number, mark=uplink_mark(1)
                ),
            }
        ),
    )


def fwmark_rule(family: AddressFamily, priority: int, *, table: int, mark: int) -> Rule:
    return Rule(family=family, priority=priority, table=table, mark=mark, mask=MARK_MASK)


OPERATION_COUNT = len(diff(sample_state(1), sample_state(2)).operations)


class FailingKernel:
    """A kernel whose operation number `step`, counted from 0, goes through `fault` instead."""

    def __init__(self, kernel: Kernel, step: int) -> None:
        self.kernel = kernel
        self.remaining = step

    async def observe(self, scope: ObserveScope) -> KernelState:
        return await self.kernel.observe(scope)

    async def facts(self, scope: ObserveScope) -> Facts:
        return await self.kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        self.remaining -= 1
        if self.remaining == -1:
            await self.fail(operation)
        else:
            await self.kernel.execute(operation)

    async def fail(self, operation: Operation) -> None:
        raise NotAppliedError(f"No luck with {operation.managed_object.key}.")


class InterruptedKernel(FailingKernel):
    """Carries the operation out and gets a signal, and one more at each step of the undo."""

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        self.remaining -= 1
        if self.remaining < 0:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            await asyncio.sleep(0)


class LateInterruptedKernel(FailingKernel):
    """Gets a signal while the result is verified; the loop has no turn before that is done."""

    async def observe(self, scope: ObserveScope) -> KernelState:
        seen = await self.kernel.observe(scope)
        if self.remaining == 0:
            self.remaining = -1
            os.kill(os.getpid(), signal.SIGTERM)
        return seen


class CancellingKernel(FailingKernel):
    """Carries the operation out and is cancelled, and again during each step of the undo."""

    task: "asyncio.Task[None]"

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        self.remaining -= 1
        if self.remaining < 0:
            self.task.cancel()
            await asyncio.sleep(0)


class KillingKernel(FailingKernel):
    """Carries the operation out; then the process is killed before it gets the result."""

    async def fail(self, operation: Operation) -> None:
        await self.kernel.execute(operation)
        os.kill(os.getpid(), signal.SIGKILL)


async def apply_state(
    kernel: Kernel, desired: KernelState, *, store: StateStore | None = None
) -> None:
    plan = diff(await kernel.observe(SCOPE), desired)
    await transact(kernel, plan, desired=desired, scope=SCOPE, store=store)
