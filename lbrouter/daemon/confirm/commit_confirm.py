"""Apply, confirm, roll back: a configuration is on trial until somebody says that it is good.

The record stands on disk, and the process that will undo the change runs, before the first change
is made. The last good configuration becomes the new one with the confirmation, not before.
"""

from contextlib import suppress
from math import ceil

from lbrouter.compile.health.carrier_only import first_look
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.applier import Found, Judge, Machine, holds_ours
from lbrouter.daemon.config_file import File, digest, understood
from lbrouter.daemon.confirm import rollback_timer
from lbrouter.daemon.confirm.pending_commit import Moment, Pending, Waiting
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.model.plan import Plan
from lbrouter.model.units import Duration

NOTHING_WAITS = "Nothing waits for confirmation."


class Trial:
    """The changes of configuration of one machine. Whoever calls holds the lock."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.store = machine.store
        self.waiting = Waiting(state_dir=self.store.directory, runtime_dir=machine.runtime_dir)

    async def apply(self, file: File, found: Found, *, within: Duration | None = None) -> Plan:
        """Make the kernel hold what `file` says; with `within`, on trial for that long.

        Raises NotAppliedError where something else waits for confirmation already.
        """
        before = self.waiting.read()
        steps = diff(found.observed, found.desired(file.config))
        if within is None:
            self._refuse_while(before)
        if within is None or (before is None and not steps):
            await self.machine.carry_out(file, found, steps)
            self._accept(file.text)
        else:
            await self._on_trial(file, found, steps, within=within, before=before)
        programs = await self.machine.serve(file.config)
        return Plan(operations=steps.operations + programs.operations)

    async def _on_trial(
        self, file: File, found: Found, steps: Plan, *, within: Duration, before: Pending | None
    ) -> None:
        record = Pending.begin(
            within_s=within.seconds,
            old=self._old(found, before),
            new=file.text,
            source=file.source,
            # The process that watches the one before must not leave: this one may be refused.
            ident=before.id if before is not None else "",
        )
        self.store.writable()
        try:
            self.waiting.write(record)
            await rollback_timer.start(self.store.directory, self.machine.runtime_dir, record.id)
            await self.machine.carry_out(file, found, steps)
            # A large apply on a slow machine must not eat up the time to look at its effect.
            self.waiting.write(record.again(within_s=within.seconds))
        except BaseException:
            self.waiting.put_back(before)
            raise

    def _old(self, found: Found, before: Pending | None) -> bytes | None:
        """What a rollback leads to: the last that was confirmed, nothing where nothing was."""
        if before is not None:
            return None if before.old is None else before.old.encode()
        return self.store.config() if holds_ours(found.observed) else None

    def confirm(self) -> Pending:
        """Keep what waits. Raises NotAppliedError when nothing does, or when it comes too late."""
        record = self.waiting.read()
        if record is None:
            raise NotAppliedError(
                NOTHING_WAITS, remedy="It was confirmed or undone before; see `lbrouter status`."
            )
        if not record.left(Moment.now()):
            raise NotAppliedError(
                "The time to confirm is over: the change is being undone.",
                remedy="Apply again, with a longer --confirm-within.",
            )
        self._accept(record.new.encode())
        self.waiting.clear()
        return record

    async def rollback(self, *, judge: Judge = first_look) -> File | None:
        """Undo at once what waits; what the kernel holds then, None for nothing of ours.

        Raises NotAppliedError when nothing waits. The record stays until the old state is back, so
        a rollback that fails is tried again.
        """
        record = self.waiting.read()
        if record is None:
            raise NotAppliedError(NOTHING_WAITS)
        self.waiting.reject(digest(record.new.encode()))
        file = None
        if record.old is None:
            await self.machine.remove(_config(record.new))
        else:
            file = understood(record.old.encode(), source="the last good configuration")
            found = await self.machine.look(file.config, judge=judge)
            steps = diff(found.observed, found.desired(file.config))
            await self.machine.carry_back(file, found, steps)
            with suppress(LbrouterError):
                await self.machine.serve(file.config)
        self.waiting.clear()
        return file

    async def settle(self) -> Pending | None:
        """Undo first what should have been undone while nobody was there to do it."""
        record = self.waiting.read()
        if record is None or record.left(Moment.now()):
            return None
        await self.rollback()
        return record

    def _refuse_while(self, record: Pending | None) -> None:
        if record is None:
            return
        left = ceil(record.left(Moment.now()))
        raise NotAppliedError(
            f"{record.source} waits for confirmation ({left} s left).",
            remedy="`lbrouter confirm` or `lbrouter rollback` first.",
        )

    def _accept(self, text: bytes) -> None:
        """`text` is the last good configuration from now on."""
        self.store.save_config(text)
        self.waiting.forgive()


def _config(text: str) -> Config | None:
    """What the file named, so that `remove` knows where to look."""
    with suppress(LbrouterError):
        return understood(text.encode(), source="the configuration on trial").config
    return None
