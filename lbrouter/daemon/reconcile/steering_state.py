"""What steering works with: a change that runs beside it, what it did, a kernel of its own."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel import Kernel
from lbrouter.model.plan import Operation

OpenedKernel = AbstractAsyncContextManager[Kernel]
"""A kernel with a socket of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """What steering did: the operations that were tried, and the state after them.

    `refused` is the first refusal, if any. `complete` says whether the table follows the health,
    which decides where clients' flows go: the reconcile can see to the rest.
    """

    after: AppliedState
    operations: tuple[Operation, ...]
    refused: Exception | None
    complete: bool


@dataclass(slots=True, kw_only=True)
class RunningChange:
    """A change that is being made: what it leads to, what it began with, and the health then.

    `present` is `planned` with what was steered meanwhile.
    """

    planned: AppliedState
    present: AppliedState
    before: AppliedState | None
    health: GatewayHealth | None

    def steered_to(self, present: AppliedState) -> None:
        """Flows were moved meanwhile."""
        self.present = present
