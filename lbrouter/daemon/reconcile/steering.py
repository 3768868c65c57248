"""`Steering`: moves new flows to the fit uplinks, whatever else is going on.

It works from the state that was observed last, on a netlink socket of its own, and waits for
nothing: no disk, no program, no reconcile. A change (a reconcile, an apply, a rollback) may be
running meanwhile. The change then sees the kernel through `PlannedKernel`, which translates between
the health that it was planned for and the present one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from lbrouter.compile.firewall.boot_guard import is_guard_table
from lbrouter.compile.health import is_equivalent
from lbrouter.compile.state import fast_path
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.health_shift import (
    HealthShift,
    SteeredState,
    common_lines,
    merged_health,
    steered_state,
)
from lbrouter.compile.state.nft_steps import KNOWN_INTERFACES
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.reconcile.planned_kernel import KernelView, PlannedKernel
from lbrouter.daemon.reconcile.standing_state import has_same_ruleset
from lbrouter.daemon.reconcile.steering_state import OpenedKernel, RunningChange, Steered
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import nft
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import NftTable
from lbrouter.model.plan import Operation

OBSERVE_AGAIN_TIMEOUT_S: Final = 5.0
"""After a change that failed. What cannot be observed in this time stays as it was known."""


STEER_OPERATION_TIMEOUT_S: Final = 2.0
"""For one operation. The kernel answers within milliseconds; an answer may be lost."""


def _open_kernel() -> OpenedKernel:
    return LinuxKernel(nft_at_once=True)


class Steering:
    """The one place that knows what the kernel holds. `applied` is None before the first change."""

    def __init__(
        self,
        applier: Applier,
        *,
        open_kernel: Callable[[], OpenedKernel] = _open_kernel,
    ) -> None:
        self.applied: AppliedState | None = None
        self.count = 0
        """How often it has changed the kernel: who observes meanwhile may have seen a mixture."""
        self.needs_observation = False
        """A change has failed, and nothing was observed since."""
        self._applier = applier
        self._view = KernelView()
        self._change: RunningChange | None = None
        self._health: GatewayHealth | None = None
        self._lock = asyncio.Lock()
        self._open_kernel = open_kernel
        self._own: tuple[OpenedKernel, Kernel] | None = None
        self._pending_rates: tuple[Operation, ...] = ()

    async def steer(self, config: Config, health: GatewayHealth) -> Steered | None:
        """Move new flows to the uplinks that are fit in `health`, the health of `config`.

        None where there is nothing to do at all, not even for the reconcile that follows. An
        operation that is refused stops none of the others.
        """
        async with self._lock, self._view.changing:
            self._health, self._pending_rates = health, ()
            # What to steer: the file whose ruleset is in the kernel now. None while
            # that ruleset is closed: the change that is running opens it when all
            # stands.
            change, table = self._change, self._view.table
            if (
                change is None
                or table is None
                or change.planned.state.nft is None
                or table.structure != change.planned.state.nft.structure
            ):
                base = self.applied
            elif is_guard_table(table):
                base = None
            else:
                base = replace(change.present, state=replace(change.present.state, nft=table))
            if base is None:
                return None
            wanted = self._with_health(base, config, health)
            if not has_same_ruleset(base, wanted):  # its routes would lead past the ruleset
                return None
            plan = diff(base.state, wanted.state)
            self._update_shift(config, health)
            if not plan:
                self._replace(base, replace(wanted, state=base.state))
                return None
            urgent = fast_path.failover_operations(plan)
            after, refused = await self._execute(base, wanted, urgent)
            if self._change is None:
                self._pending_rates = fast_path.rate_operations(plan)
            return Steered(
                after=after,
                operations=urgent,
                refused=refused,
                complete=refused is None or _same_table(after, wanted),
            )

    async def update_rates(self) -> tuple[Operation, ...]:
        """Change the rates that `steer` left; returns what was changed.

        Raises the error of the kernel. Flows move before it: for that moment the classes of a line
        have too little rate, never too much, since their sum never exceeds the line. A change that
        is running has rates of its own: then the reconcile after it does this.
        """
        async with self._lock:
            rates, self._pending_rates = self._pending_rates, ()
            if self.applied is None or self._change is not None or not rates:
                return ()
            _, refused = await self._execute(self.applied, self.applied, rates)
            if refused is not None:
                raise refused
            return rates

    @contextmanager
    def change(self, kernel: Kernel, planned: AppliedState | None) -> Iterator[Kernel]:
        """A change is being made within the block, by the kernel that this returns.

        With None for `planned` (`down`) nothing is steered any more. When the change has failed,
        `observe_again` must follow.
        """
        if planned is None:
            self.applied = None
            yield kernel
            return
        self._change = RunningChange(
            planned=planned, present=planned, before=self.applied, health=self._health
        )
        try:
            yield PlannedKernel(kernel, self._view)
            self.applied = self._change.present
        except BaseException:
            self.needs_observation = True
            raise
        finally:
            self._change = None
            self._view.translate(HealthShift())

    def confirm(self, seen: AppliedState) -> None:
        """What was observed agrees with `seen`."""
        self.applied = seen
        self._view.see(seen.state.nft)

    async def observe_again(self) -> None:
        """Observe what a change that failed has left, and steer from that."""
        known, self.needs_observation = self.applied, False
        if known is None:
            return
        try:
            async with asyncio.timeout(OBSERVE_AGAIN_TIMEOUT_S):
                while not await self._observe(known.snapshot.scope):
                    pass
        except (LbrouterError, TimeoutError):
            self.observe_table()

    async def _observe(self, scope: ObserveScope) -> bool:
        """Take over what is observed; False where flows were moved meanwhile."""
        count = self.count
        state = await self._applier.kernel.observe(scope)
        async with self._lock:
            if count != self.count:
                return False
            self._view.see(state.nft)
            if self.applied is not None:
                self.applied = replace(self.applied, state=state)
        return True

    def observe_table(self) -> None:
        """Observe the table alone: that needs no dump, which other programs can interrupt."""
        with suppress(LbrouterError, OSError):  # then what is known must do
            self._view.see(nft.observe_table())
            if self.applied is not None:
                state = replace(self.applied.state, nft=self._view.table)
                self.applied = replace(self.applied, state=state)

    async def close(self) -> None:
        """Close the socket; the next operation opens a new one."""
        old, self._own = self._own, None
        if old is not None:
            await old[0].__aexit__(None, None, None)

    def _replace(self, base: AppliedState, steered: AppliedState) -> None:
        if base is self.applied:
            self.applied = steered

    def _with_health(
        self, base: AppliedState, config: Config, health: GatewayHealth
    ) -> AppliedState:
        """What `base` should be for the present health, which belongs to `config`."""
        if base.file.config is config:
            return replace(base.snapshot, health=health).planned(base.file)
        began = None
        if self._change is not None:
            began = self._change.health
            base = self._change.planned if base.file is self._change.planned.file else base
        names = common_lines(base.file.config, config)
        present = merged_health(base.snapshot.health, health, began=began, names=names)
        return replace(base.snapshot, health=present).planned(base.file)

    def _update_shift(self, config: Config, health: GatewayHealth) -> None:
        """The translation for the running change, from the health that it was planned for."""
        change = self._change
        if change is None:
            return
        states = list[SteeredState]()
        for each in filter(None, (change.planned, change.before)):
            wanted = self._with_health(each, config, health)
            both = steered_state(each.state, wanted.state)
            if not is_equivalent(wanted.snapshot.health, each.snapshot.health):
                states.append(both)
            if each is change.planned:
                change.steered_to(replace(wanted, state=both.present))
        self._view.translate(HealthShift(states=tuple(states)))

    async def _execute(
        self, base: AppliedState, wanted: AppliedState, operations: Sequence[Operation]
    ) -> tuple[AppliedState, Exception | None]:
        """Try each operation; returns the state with those that are done, and the first refusal."""
        done, refused = list[Operation](), list[Exception]()
        for operation in operations:
            try:
                await self._try(operation)
                done.append(operation)
            except Exception as error:  # noqa: BLE001  -- the others are tried all the same
                refused.append(error)
        self.count += 1
        steered = replace(wanted, state=fast_path.state_after(base.state, done))
        self._replace(base, steered)
        if refused:
            await self.close()  # the socket may be the cause
        return steered, refused[0] if refused else None

    async def _try(self, operation: Operation) -> None:
        if self._own is None:
            opened = self._open_kernel()
            self._own = opened, await opened.__aenter__()
        new, known = operation.new, self._view.table
        if isinstance(new, NftTable) and known is not None and known.structure == new.structure:
            # While a change runs, interfaces stay known that it has closed.
            if self._change is None:
                keep_closed = new
            else:
                closed = {KNOWN_INTERFACES: known.elements.get(KNOWN_INTERFACES, frozenset())}
                keep_closed = replace(new, elements={**new.elements, **closed})
            operation = replace(operation, old=known, new=keep_closed)
        async with asyncio.timeout(STEER_OPERATION_TIMEOUT_S):
            await self._own[1].execute(operation)
        self._view.record(operation)


def _same_table(after: AppliedState, wanted: AppliedState) -> bool:
    missing = fast_path.failover_operations(diff(after.state, wanted.state))
    return not any(isinstance(each.new, NftTable) for each in missing)
