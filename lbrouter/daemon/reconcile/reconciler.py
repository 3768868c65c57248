"""`Reconciler`: from (file, health) to the kernel, through the one path of `Applier`.

A reconcile observes, compares, and changes what differs; usually nothing. Before it, a fast
failover moves new flows at once: it takes the difference to the applied state, and executes what
decides the path of packets (elements of maps, the gateway's own routes). `update_rates` then
changes the rates of the same difference: guarantees follow the flows. The reconcile that follows at
once observes everything, does the rest, and repairs what the fast failover got wrong. nft takes
each transaction as a whole, and refuses one that names what does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.compile.state import fast_path
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.applier import Applier, HealthSource, MachineSnapshot
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedState:
    """What the kernel held when it was last observed, and what it was derived from."""

    file: ConfigFile
    snapshot: MachineSnapshot
    state: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileResult:
    """What a reconcile changed, and whether it was a repair: another program had made a change."""

    changed: tuple[Operation, ...]
    repair: bool


class Reconciler:
    """The reconciles of one machine. The caller makes sure that one runs at a time."""

    def __init__(self, applier: Applier) -> None:
        self.applier = applier
        self.applied: AppliedState | None = None
        self.last_applied: AppliedState | None = None
        """As `applied`, but it stays while the kernel is being changed: for readers."""
        self._pending_rates: tuple[Operation, ...] = ()

    async def reconcile(self, file: ConfigFile, health_source: HealthSource) -> ReconcileResult:
        """Make the kernel hold what `file` and the health ask for. Raises as `transact` does."""
        snapshot = await self.applier.observe(file.config, health_source=health_source)
        if self.last_applied is not None:
            facts = foreign_qdiscs.permit_damaged(snapshot.facts, self.last_applied.state)
            snapshot = replace(snapshot, facts=facts)
        state = snapshot.desired(file.config)
        steps = diff(snapshot.observed, state)
        before = self.applied
        repair = bool(steps) and before is not None and before.state == state
        if steps:
            self.applied = None
            await self.applier.run_transaction(steps, desired=state, scope=snapshot.scope)
        self.applied = self.last_applied = AppliedState(file=file, snapshot=snapshot, state=state)
        return ReconcileResult(changed=steps.operations, repair=repair)

    async def fast_failover(self, health: GatewayHealth) -> tuple[Operation, ...] | None:
        """Move new flows to the fit uplinks at once; returns what was changed.

        None where there is nothing to do at all, not even for the reconcile that follows. Raises
        the error of the kernel.
        """
        applied, self._pending_rates = self.applied, ()
        if applied is None:
            return ()
        snapshot = replace(applied.snapshot, health=health)
        plan = diff(applied.state, snapshot.desired(applied.file.config))
        if not plan:
            self.applied = self.last_applied = replace(applied, snapshot=snapshot)
            return None
        urgent = fast_path.failover_operations(plan)
        await self._execute(urgent)
        self.applied = self.last_applied = replace(
            applied, snapshot=snapshot, state=fast_path.state_after(applied.state, urgent)
        )
        self._pending_rates = fast_path.rate_operations(plan)
        return urgent

    async def update_rates(self) -> tuple[Operation, ...]:
        """Change the rates that `fast_failover` left; returns what was changed.

        Raises the error of the kernel. Flows move before it: for that moment the classes of a line
        have too little rate, never too much, since their sum never exceeds the line.
        """
        applied, rates, self._pending_rates = self.applied, self._pending_rates, ()
        if applied is None or not rates:
            return ()
        await self._execute(rates)
        self.applied = self.last_applied = replace(
            applied, state=fast_path.state_after(applied.state, rates)
        )
        return rates

    async def _execute(self, operations: Sequence[Operation]) -> None:
        """Execute one after the other. After a failure the applied state is unknown."""
        try:
            for operation in operations:
                await self.applier.kernel.execute(operation)
        except BaseException:
            self.applied = None
            raise
