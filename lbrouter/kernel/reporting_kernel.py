"""`ReportingKernel`: a kernel that reports each operation before it executes it."""

from collections.abc import Callable
from contextlib import suppress

from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation


class ReportingKernel:
    """`kernel`, with a function that is called with each operation."""

    def __init__(self, kernel: Kernel, on_operation: Callable[[Operation], None]) -> None:
        self._kernel = kernel
        self._on_operation = on_operation

    async def observe(self, scope: ObserveScope) -> KernelState:
        """As the kernel's own."""
        return await self._kernel.observe(scope)

    async def facts(self, scope: ObserveScope) -> Facts:
        """As the kernel's own."""
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        """Report the operation, then execute it, also where the report cannot be written.

        A terminal that is gone takes no text; the steps of the undo must run all the same.
        """
        with suppress(OSError, ValueError):
            self._on_operation(operation)
        await self._kernel.execute(operation)
