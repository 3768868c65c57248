"""Commit-confirm: apply, confirm, roll back. What a person does not confirm in time is undone.

Before the first change is made, the record is on disk and the process that will undo the change
runs. The new configuration becomes the last good one when it is confirmed, not before.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Final

from lbrouter.compile.state.diff import diff
from lbrouter.daemon.applier import Applier, HealthSource, holds_lbrouter_state
from lbrouter.daemon.config_file import ConfigFile, digest, parse_config
from lbrouter.daemon.confirm import rollback_timer
from lbrouter.daemon.confirm.config_history import ConfigHistory, ConfigOutcome
from lbrouter.daemon.confirm.nothing_pending import NOTHING_PENDING
from lbrouter.daemon.confirm.pending_commit import PendingCommit, PendingCommitStore
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.model.messages.operator import ITSELF, Operator
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Plan
from lbrouter.model.units import Duration

NOT_CONFIRMED_IN_TIME: Final = "it was not confirmed in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOrder:
    """Who wants a file applied. `undoes` is the digest of the file that it takes the place of for
    good, where a person goes back to an earlier one: no start of a daemon may apply that again.
    """

    by: Operator = ITSELF
    undoes: str = ""


BY_ITSELF: Final = ApplyOrder()


class CommitConfirm:
    """The changes of configuration of one machine. The caller holds the lock."""

    def __init__(self, applier: Applier) -> None:
        self.applier = applier
        self.store = applier.store
        self.pending = PendingCommitStore(
            state_dir=self.store.directory,
            runtime_dir=applier.runtime_dir,
            report=self.store.report_damage,
        )
        self.configs = ConfigHistory(self.store.directory, self.store.report_damage)

    async def apply(
        self,
        planned: AppliedState,
        *,
        within: Duration | None = None,
        order: ApplyOrder = BY_ITSELF,
    ) -> Plan:
        """Make the kernel hold what is planned, then start the programs that its file asks for.

        With `within` as a pending commit for that long. Raises NotAppliedError where another commit
        is pending.
        """
        steps = await self.apply_to_kernel(planned, within=within, order=order)
        programs = await self.applier.apply_services(planned.file.config)
        return Plan(operations=steps.operations + programs.operations)

    async def apply_to_kernel(
        self,
        planned: AppliedState,
        *,
        within: Duration | None = None,
        order: ApplyOrder = BY_ITSELF,
    ) -> Plan:
        """As `apply`, without the programs: they may take long to start."""
        file = planned.file
        noted = partial(self.configs.add, file.text, file.source, order.by)
        try:
            steps, outcome = await self._apply_to_kernel(planned, within, order)
        except LbrouterError as error:
            await in_disk_thread(noted, ConfigOutcome.REFUSED, str(error))
            raise
        await in_disk_thread(noted, outcome)
        return steps

    async def _apply_to_kernel(
        self, planned: AppliedState, within: Duration | None, order: ApplyOrder
    ) -> tuple[Plan, ConfigOutcome]:
        before, steps = self.pending.read(), planned.steps()
        if within is None and before is not None:
            left = ceil(before.remaining_s(BootTime.now()))
            raise NotAppliedError(
                phrase(
                    "{source} waits for confirmation ({left} s left).",
                    source=before.source,
                    left=left,
                ),
                remedy="Run `lbrouter confirm` or `lbrouter rollback` first.",
            )
        if within is None or (before is None and not steps):
            await self.applier.apply_plan(planned, steps)
            await in_disk_thread(self._save_as_confirmed, planned.file.text)
            return steps, ConfigOutcome.APPLIED
        await self._apply_pending(planned, steps, within=within, before=before, order=order)
        return steps, ConfigOutcome.TRIAL

    async def _apply_pending(
        self,
        planned: AppliedState,
        steps: Plan,
        *,
        within: Duration,
        before: PendingCommit | None,
        order: ApplyOrder,
    ) -> None:
        file, snapshot = planned.file, planned.snapshot
        record = PendingCommit.start(
            within_s=within.seconds,
            old=self._rollback_target(snapshot, before),
            new=file.text,
            source=file.source,
            # Keeps the identifier: the rollback process of the record before must go on, since this
            # apply may be refused.
            ident=before.id if before is not None else "",
            undoes=order.undoes,
        )
        await in_disk_thread(self.store.require_writable)
        try:
            await in_disk_thread(self.pending.write, record)
            await rollback_timer.start(self.store.directory, self.applier.runtime_dir, record.id)
            await self.applier.apply_plan(planned, steps)
            # A large apply on a slow machine must not use up the time to confirm.
            renewed = record.with_new_deadline(within_s=within.seconds)
            await in_disk_thread(self.pending.write, renewed)
        except BaseException:
            # Else the record stays, and the rollback process undoes what is left at the deadline.
            if await self._kernel_is_as_before(snapshot):
                self.pending.restore(before)
            raise

    async def _kernel_is_as_before(self, snapshot: MachineSnapshot) -> bool:
        """Whether the kernel holds what `snapshot` saw; False where it cannot be read."""
        with suppress(LbrouterError, OSError):
            return not diff(await self.applier.kernel.observe(snapshot.scope), snapshot.observed)
        return False

    def _rollback_target(
        self, snapshot: MachineSnapshot, before: PendingCommit | None
    ) -> bytes | None:
        """The file that a rollback applies: the last confirmed one; None where there was none."""
        if before is not None:
            return None if before.old is None else before.old.encode()
        return self.store.load_config() if holds_lbrouter_state(snapshot.observed) else None

    def confirm(self) -> PendingCommit:
        """Keep the pending commit. Raises NotAppliedError where there is none, or too late."""
        record = self.pending.read()
        if record is None:
            raise NotAppliedError(
                NOTHING_PENDING, remedy="It was confirmed or undone before; see `lbrouter status`."
            )
        if not record.remaining_s(BootTime.now()):
            raise NotAppliedError(
                "The time to confirm is over: the change is being undone.",
                remedy="Apply again, with a longer --confirm-within.",
            )
        self._save_as_confirmed(record.new.encode())
        if record.undoes:
            self.pending.reject(record.undoes)
        self.pending.clear()
        self.configs.close_trial(ConfigOutcome.KEPT)
        return record

    async def rollback(
        self, *, health_source: HealthSource | None = None, why: str = ""
    ) -> ConfigFile | None:
        """Undo the pending commit, then start the programs of the file that counts then.

        Returns that file, None for nothing of ours. Raises NotAppliedError where no commit is
        pending. The record stays until the old state is back, so a rollback that fails is tried
        again.
        """
        file = await self.roll_back_kernel(health_source=health_source, why=why)
        if file is not None:
            with suppress(LbrouterError):
                await self.applier.apply_services(file.config)
        return file

    async def roll_back_kernel(
        self, *, health_source: HealthSource | None = None, why: str = ""
    ) -> ConfigFile | None:
        """As `rollback`, without the programs."""
        record = self.pending.read()
        if record is None:
            raise NotAppliedError(NOTHING_PENDING)
        await in_disk_thread(self.pending.reject, digest(record.new.encode()))
        file = None
        if record.old is None:
            await self.applier.remove_all(_parse_or_none(record.new))
        else:
            file = parse_config(record.old.encode(), source=phrase("the last good configuration"))
            snapshot = await self.applier.observe(file.config, health_source=health_source)
            planned = snapshot.planned(file)
            await self.applier.roll_back_plan(planned, planned.steps())
        self.pending.clear()
        await in_disk_thread(self.configs.close_trial, ConfigOutcome.UNDONE, why)
        return file

    async def roll_back_overdue(self) -> PendingCommit | None:
        """Undo a pending commit whose deadline passed while no process was there to undo it."""
        record = self.pending.read()
        if record is None or record.remaining_s(BootTime.now()):
            return None
        await self.rollback(why=NOT_CONFIRMED_IN_TIME)
        return record

    def _save_as_confirmed(self, text: bytes) -> None:
        """`text` is the last good configuration from now on.

        Where it was so before, nothing is forgiven: a daemon that starts beside a file that was
        rolled back takes the last good one, and must not take the other at its next start.
        """
        if text != self.store.load_config():
            self.pending.clear_rejected()
        self.store.save_config(text)


def is_rejected(file: Path, pending: PendingCommitStore) -> bool:
    """Whether the file on disk was rolled back, so that another configuration is in force."""
    rejected = pending.rejected_digest()
    if not rejected:
        return False
    try:
        return digest(file.read_bytes()) == rejected
    except OSError:
        return False


def differs(path: Path, in_force: ConfigFile) -> bool:
    """Whether the file at `path` is another one than what is in force, or cannot be read."""
    try:
        return digest(path.read_bytes()) != in_force.digest
    except OSError:
        return True


def _parse_or_none(text: str) -> Config | None:
    """The configuration, so that `remove_all` knows where to look."""
    with suppress(LbrouterError):
        return parse_config(text.encode(), source=phrase("the unconfirmed configuration")).config
    return None
