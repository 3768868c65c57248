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

from lbrouter.compile.state import fast_path, foreign_qdiscs
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.applier import Found, Judge, Machine
from lbrouter.daemon.config_file import File
from lbrouter.model.health import Health
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the kernel held when it was last observed, and what it was derived from."""

    file: File
    found: Found
    state: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A round: what was changed, and whether somebody else made that necessary."""

    changed: tuple[Operation, ...]
    repair: bool


class Rounds:
    """The rounds of one machine. The caller sees to it that one runs at a time."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.held: Held | None = None
        self.last: Held | None = None
        """As `held`, but it stays while the kernel is being changed: for who only reads."""
        self._rates: tuple[Operation, ...] = ()

    async def round(self, file: File, judge: Judge) -> Outcome:
        """Make the kernel hold what `file` and the health ask for. Raises as `transact` does."""
        found = await self.machine.look(file.config, judge=judge)
        if self.last is not None:
            facts = foreign_qdiscs.what_we_lost(found.facts, self.last.state)
            found = replace(found, facts=facts)
        state = found.desired(file.config)
        steps = diff(found.observed, state)
        before = self.held
        repair = bool(steps) and before is not None and before.state == state
        if steps:
            self.held = None
            await self.machine.transact(steps, desired=state, scope=found.scope)
        self.held = self.last = Held(file=file, found=found, state=state)
        return Outcome(changed=steps.operations, repair=repair)

    async def steer(self, health: Health) -> tuple[Operation, ...] | None:
        """New flows by the uplinks that are fit, at once: what was changed.

        None where there is nothing to do at all, not even for the round that follows. Raises what
        the kernel refuses with.
        """
        held, self._rates = self.held, ()
        if held is None:
            return ()
        found = replace(held.found, health=health)
        plan = diff(held.state, found.desired(held.file.config))
        if not plan:
            self.held = self.last = replace(held, found=found)
            return None
        urgent = fast_path.steering(plan)
        await self._execute(urgent)
        self.held = self.last = replace(
            held, found=found, state=fast_path.after(held.state, urgent)
        )
        self._rates = fast_path.rates(plan)
        return urgent

    async def rescale(self) -> tuple[Operation, ...]:
        """The rates that `steer` left, at once: what was changed. Raises what the kernel refuses
        with.

        Flows move before it: for that moment the classes of a line promise too little, never too
        much, since what they promise never exceeds the line.
        """
        held, rates, self._rates = self.held, self._rates, ()
        if held is None or not rates:
            return ()
        await self._execute(rates)
        self.held = self.last = replace(held, state=fast_path.after(held.state, rates))
        return rates

    async def _execute(self, operations: Sequence[Operation]) -> None:
        """One after the other. After a failure nobody knows what the kernel holds."""
        try:
            for operation in operations:
                await self.machine.kernel.execute(operation)
        except BaseException:
            self.held = None
            raise
