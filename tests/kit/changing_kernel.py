"""A kernel as a change gets it: a line dies before one of its steps, another step is refused."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.reconcile.steering import Steering
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Operation


class ChangingKernel:
    """Before step `when` it awaits `dies`; step `refused` is refused. -1 is never.

    `view` is for `Applier.change_view`. `wrong` has the steps after which new flows of the policy
    `show` went by uplink 1 though it had died; `table` reads the table that is in the kernel.
    """

    def __init__(
        self,
        steering: Steering,
        *,
        when: int,
        refused: int = -1,
        dies: Callable[[], Awaitable[object]],
        table: Callable[[], NftTable | None],
    ) -> None:
        self.when, self.refused = when, refused
        self.step = 0
        self.wrong: list[str] = []
        self._steering, self._dies, self._table = steering, dies, table
        self._kernel: Kernel

    @contextmanager
    def view(self, kernel: Kernel, planned: AppliedState | None) -> Iterator[Kernel]:
        with self._steering.change(kernel, planned) as self._kernel:
            yield self

    async def observe(self, scope: ObserveScope) -> KernelState:
        return await self._kernel.observe(scope)

    async def facts(self, scope: ObserveScope) -> Facts:
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        if self.step == self.when:
            await self._dies()
        self.step += 1
        if self.step - 1 == self.refused:
            raise NotAppliedError("refused")
        await self._kernel.execute(operation)
        if self.step > self.when:
            self._note_dead_line(operation)

    def _note_dead_line(self, operation: Operation) -> None:
        table = self._table()
        active = {value for _, value in table.elements.get("active_show", ())} if table else set()
        if any("set_mark_1" in each for each in active):
            self.wrong.append(f"after {operation.phase.name} {operation.managed_object.key}")
