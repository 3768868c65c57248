"""`Kernel`: the interface of a kernel, the real one or the simulated."""

from typing import Protocol

from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation


class Kernel(Protocol):
    """One network namespace, seen through what lbrouter owns in it.

    `compile.state.simulate.SimKernel` and `kernel.backend.LinuxKernel` pass the same tests.
    """

    async def observe(self, scope: ObserveScope) -> KernelState:
        """The observed state, normalised so that it equals the desired state that was applied."""
        ...

    async def facts(self, scope: ObserveScope) -> Facts:
        """The machine as found: interfaces, others' addresses and gateways, what is in our way."""
        ...

    async def execute(self, operation: Operation) -> None:
        """Carry out one operation; doing it twice is no error. Raises LbrouterError if refused."""
        ...
