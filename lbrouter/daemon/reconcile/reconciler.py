"""`Reconciler`: from (file, health) to the kernel, through the one path of `Applier`.

A reconcile observes, compares, and changes what differs; usually nothing. Steering (`steering`)
moves new flows at once when the health has changed; the reconcile that follows observes everything,
does the rest, and repairs what steering got wrong. nft takes each transaction as a whole, and
refuses one that names what does not exist.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.daemon.applier import Applier, BlockedSource, HealthSource, LimitSource
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.reconcile.standing_state import standing_state
from lbrouter.daemon.reconcile.steering import Steering
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.facts import Facts
from lbrouter.model.kernel import Kernel
from lbrouter.model.plan import Operation
from lbrouter.system.saved_file import DamageReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileResult:
    """What a reconcile changed, and whether it was a repair: another program had made a change.

    `steered`: flows were moved meanwhile, so that what was observed is a mixture.
    """

    changed: tuple[Operation, ...]
    repair: bool
    steered: bool = False


class Reconciler:
    """The reconciles of one machine. The caller makes sure that one runs at a time."""

    def __init__(self, applier: Applier, steering: Steering) -> None:
        """`build_reconciler` makes all three."""
        self.applier = applier
        self.steering = steering
        # A change that failed may have left a root of ours undone: what stands there then is still
        # damage to ours, though the last observation knows nothing of it.
        self._held_roots = frozenset[str]()

    @property
    def applied(self) -> AppliedState | None:
        """What the kernel held when it was last observed or changed; None before the first time."""
        return self.steering.applied

    def known_facts(self) -> Facts | None:
        """The facts of the last observation; None before the first."""
        return None if self.applied is None else self.applied.snapshot.facts

    async def reconcile(self, file: ConfigFile, health_source: HealthSource) -> ReconcileResult:
        """Make the kernel hold what `file` and the health ask for. Raises as `transact` does."""
        steering, count = self.steering, self.steering.count
        snapshot = await self.applier.observe(file.config, health_source=health_source)
        before = steering.applied
        if before is not None:
            self._held_roots |= foreign_qdiscs.held_roots(before.state)
            facts = replace(snapshot.facts, take_over=self._held_roots)
            snapshot = replace(snapshot, facts=facts)
        planned = snapshot.planned(file)
        steps = planned.steps()
        steered = count != steering.count
        repair = bool(steps) and before is not None and before.state == planned.state
        if steps:
            if before is None:  # if this change is refused, flows are steered all the same
                steering.confirm(standing_state(self.applier, planned))
            await self.applier.run_transaction(steps, planned)
        elif not steered:
            steering.confirm(planned)
        self._held_roots = foreign_qdiscs.held_roots(planned.state)
        steered = steered or count != steering.count
        return ReconcileResult(
            changed=steps.operations, repair=repair and not steered, steered=steered
        )


def build_reconciler(
    kernel: LinuxKernel,
    *,
    state_dir: Path,
    runtime_dir: Path,
    limits: LimitSource,
    blocked: BlockedSource,
    report_damage: DamageReport,
) -> Reconciler:
    """A reconciler of this machine, with its applier and its steering."""

    def view(of: Kernel, planned: AppliedState | None) -> AbstractContextManager[Kernel]:
        return steering.change(of, planned)

    applier = Applier(
        kernel,
        state_dir=state_dir,
        runtime_dir=runtime_dir,
        report_damage=report_damage,
        limits=limits,
        blocked=blocked,
        change_view=view,
    )
    steering = Steering(applier)
    return Reconciler(applier, steering)
