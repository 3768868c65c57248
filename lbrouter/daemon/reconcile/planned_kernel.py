"""`PlannedKernel`: the kernel as a change sees it; what is steered meanwhile is hidden from it."""

import asyncio
from dataclasses import dataclass, field

from lbrouter.compile.state.health_shift import HealthShift
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Operation


@dataclass(slots=True, kw_only=True)
class KernelView:
    """What steering and the running change know in common.

    `table` is the table in the kernel, as far as this process has seen or made it, and `count` how
    often it has made it; whoever changes it holds `changing`. `shift` translates between the health
    that the change was planned for and the present one.
    """

    table: NftTable | None = None
    count: int = 0
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    shift: HealthShift = field(default_factory=HealthShift)

    def see(self, table: NftTable | None) -> None:
        """This table was observed."""
        self.table = table

    def translate(self, shift: HealthShift) -> None:
        """From now on translate by `shift`."""
        self.shift = shift

    def record(self, operation: Operation) -> None:
        """`operation` has been carried out."""
        if isinstance(operation.managed_object, NftTable):
            self.count += 1
            self.table = operation.new if isinstance(operation.new, NftTable) else None


class PlannedKernel:
    """A kernel in which only the change itself seems to happen."""

    def __init__(self, kernel: Kernel, view: KernelView) -> None:
        self._kernel = kernel
        self._view = view

    async def observe(self, scope: ObserveScope) -> KernelState:
        """What is there, as the health would have it that the change was planned for."""
        count, observed = self._view.count, await self._kernel.observe(scope)
        while count != self._view.count:  # flows were moved while the table was being read
            count, observed = self._view.count, await self._kernel.observe(scope)
        self._view.see(observed.nft)
        return self._view.shift.as_planned(observed)

    async def facts(self, scope: ObserveScope) -> Facts:
        """As the kernel's own."""
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        """Carry the operation out as the present health wants it."""
        if not isinstance(operation.managed_object, NftTable):
            await self._carry_out(operation)
            return
        async with self._view.changing:
            await self._carry_out(operation)

    async def _carry_out(self, operation: Operation) -> None:
        translated = self._view.shift.operation(operation, self._view.table)
        if translated is not None:
            await self._kernel.execute(translated)
            self._view.record(translated)
