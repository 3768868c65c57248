"""Rounds: from (file, health) to the kernel, again and again, by the one path of `Machine`.

A round observes, compares, and changes what differs; usually nothing. Before it, `steer` gives new
flows their way at once: it takes the difference to the state that the last round verified, and
carries out what decides the way of packets (elements of maps, the gateway's own routes). `rescale`
then changes the rates of the same difference: guarantees follow the flows. The round that follows
at once observes everything, does the rest, and mends whatever the shortcut got wrong. nft takes
each transaction as a whole, and refuses one that names what is not there.
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
    """A round: what was changed, and whether somebody else made that necessary."""

    changed: tuple[Operation, ...]
    repair: bool


class Reconciler:
    """The rounds of one machine. The caller sees to it that one runs at a time."""

    def __init__(self, applier: Applier) -> None:
        self.applier = applier
        self.applied: AppliedState | None = None
        self.last_applied: AppliedState | None = None
        """As `held`, but it stays while the kernel is being changed: for who only reads."""
        self._pending_rates: tuple[Operation, ...] = ()

    async def reconcile(self, file: ConfigFile, health_source: HealthSource) -> ReconcileResult:
        """Make the kernel hold what `file` and the health ask for. Raises as `transact` does."""
        found = await self.applier.observe(file.config, health_source=health_source)
        if self.last_applied is not None:
            facts = foreign_qdiscs.permit_damaged(found.facts, self.last_applied.state)
            found = replace(found, facts=facts)
        state = found.desired(file.config)
        steps = diff(found.observed, state)
        before = self.applied
        repair = bool(steps) and before is not None and before.state == state
        if steps:
            self.applied = None
            await self.applier.run_transaction(steps, desired=state, scope=found.scope)
        self.applied = self.last_applied = AppliedState(file=file, snapshot=found, state=state)
        return ReconcileResult(changed=steps.operations, repair=repair)

    async def fast_failover(self, health: GatewayHealth) -> tuple[Operation, ...] | None:
        """New flows by the uplinks that are fit, at once: what was changed.

        None where there is nothing to do at all, not even for the round that follows. Raises what
        the kernel refuses with.
        """
        held, self._pending_rates = self.applied, ()
        if held is None:
            return ()
        found = replace(held.snapshot, health=health)
        plan = diff(held.state, found.desired(held.file.config))
        if not plan:
            self.applied = self.last_applied = replace(held, snapshot=found)
            return None
        urgent = fast_path.failover_operations(plan)
        await self._execute(urgent)
        self.applied = self.last_applied = replace(
            held, snapshot=found, state=fast_path.state_after(held.state, urgent)
        )
        self._pending_rates = fast_path.rate_operations(plan)
        return urgent

    async def update_rates(self) -> tuple[Operation, ...]:
        """The rates that `steer` left, at once: what was changed. Raises what the kernel refuses
        with.

        Flows move before it: for that moment the classes of a line promise too little, never too
        much, since what they promise never exceeds the line.
        """
        held, rates, self._pending_rates = self.applied, self._pending_rates, ()
        if held is None or not rates:
            return ()
        await self._execute(rates)
        self.applied = self.last_applied = replace(
            held, state=fast_path.state_after(held.state, rates)
        )
        return rates

    async def _execute(self, operations: Sequence[Operation]) -> None:
        """One after the other. After a failure nobody knows what the kernel holds."""
        try:
            for operation in operations:
                await self.applier.kernel.execute(operation)
        except BaseException:
            self.applied = None
            raise
