"""The one path from a configuration to the kernel, with what it must read before and keep after.

`apply`, the daemon's rounds, a rollback and `down` all go through here. Whoever calls holds the
lock of the runtime directory (`kernel.lock`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from lbrouter.compile.health.carrier_only import first_look
from lbrouter.compile.routing.uplink_addressing import standing
from lbrouter.compile.state import foreign_qdiscs
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state, nothing, remember, scope_of
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.foreign_qdiscs import Roots
from lbrouter.daemon.config_file import File
from lbrouter.daemon.dhcp.lease_store import LeaseBook
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import nft
from lbrouter.kernel.read.features import known
from lbrouter.kernel.storage.store import Store
from lbrouter.kernel.transaction import transact
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.model.facts import Allocation, Facts, Scope
from lbrouter.model.health import Health
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation, Plan
from lbrouter.services import dnsmasq, pppd

Teller = Callable[[Plan], Callable[[Operation], None]]
"""Given a plan, what is called with each operation before it is carried out."""


Judge = Callable[[Config, Facts], Health]
"""How the uplinks are, seen from the machine as it is."""


class Inputs(TypedDict):
    """Arguments of `desired_state`, by their names."""

    allocation: Allocation
    health: Health
    facts: Facts
    baseline: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The machine and what is remembered of it, for one configuration."""

    scope: Scope
    facts: Facts
    observed: KernelState
    baseline: KernelState
    allocation: Allocation
    health: Health

    def inputs(self) -> Inputs:
        """What `desired_state` takes, beside the configuration."""
        return {
            "allocation": self.allocation,
            "health": self.health,
            "facts": self.facts,
            "baseline": self.baseline,
        }

    def in_the_way(self, config: Config) -> tuple[str, ...]:
        """Somebody else's queueing disciplines where `config` wants ours, as sentences."""
        everything = replace(self, facts=foreign_qdiscs.everything(self.facts))
        return tuple(foreign_qdiscs.in_the_way(everything.desired(config), self.facts))

    def with_roots(self, config: Config, roots: Roots) -> "Found":
        """The same, with the permission that `roots` gives; NotAppliedError where it refuses."""
        if roots is Roots.LEAVE:
            return self
        blocked = self.in_the_way(config)
        if blocked and roots is Roots.REFUSE:
            raise NotAppliedError(
                "\n  ".join(blocked),
                remedy=f"`lbrouter apply {foreign_qdiscs.OPTION}` replaces it;"
                " `down` cannot give it back.",
            )
        return replace(self, facts=foreign_qdiscs.everything(self.facts))

    def desired(self, config: Config) -> KernelState:
        """What the kernel should hold for `config`, as things are."""
        return desired_state(config, **self.inputs())


class Narrated:
    """A kernel that says each operation before it carries it out."""

    def __init__(self, kernel: LinuxKernel, tell: Callable[[Operation], None]) -> None:
        self._kernel = kernel
        self._tell = tell

    async def observe(self, scope: Scope) -> KernelState:
        """As the kernel's own."""
        return await self._kernel.observe(scope)

    async def facts(self, scope: Scope) -> Facts:
        """As the kernel's own."""
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        """Say it, then do it."""
        self._tell(operation)
        await self._kernel.execute(operation)


def silent(_plan: Plan) -> Callable[[Operation], None]:
    """A teller that says nothing."""
    return lambda _operation: None


class Machine:
    """A kernel, and the directories in which lbrouter keeps what the kernel cannot tell."""

    def __init__(
        self, kernel: LinuxKernel, *, state_dir: Path, runtime_dir: Path, tell: Teller = silent
    ) -> None:
        self.kernel = kernel
        self.store = Store(state_dir)
        self.dnsmasq = dnsmasq.Dnsmasq(runtime_dir, state_dir)
        self.leases = LeaseBook(runtime_dir)
        self.pppd = pppd.Pppd(runtime_dir)
        self.runtime_dir = runtime_dir
        self.tell = tell

    async def reopen(self) -> None:
        """A new socket to the kernel, where the old one may be what fails."""
        old = self.kernel
        self.kernel = await LinuxKernel().__aenter__()
        with suppress(Exception):
            await old.__aexit__(None, None, None)

    async def look(self, config: Config, *, judge: Judge = first_look) -> Found:
        """Everything that `desired_state` wants to know; `judge` makes the health of it."""
        remembered = self.store.baseline()
        scope = scope_of(config, remembered)
        facts = standing(config, await self.kernel.facts(scope))
        facts = replace(facts, features=known(self.runtime_dir), lacks=self.pppd.lacks(config))
        facts = self.leases.known(config, facts)
        observed = await self.kernel.observe(scope)
        return Found(
            scope=scope,
            facts=facts,
            observed=observed,
            # Nothing of ours is there, after a boot say: what is found now was found first.
            baseline=remembered if holds_ours(observed) else KernelState(),
            allocation=allocate(config, self.store.allocation()),
            health=judge(config, facts),
        )

    async def carry_out(self, file: File, found: Found, steps: Plan) -> None:
        """The steps, verified or undone as a whole. What a crash must not lose is on disk before.

        The configuration itself is kept by the caller, who knows whether it is the last good one.
        """
        if steps:
            desired = found.desired(file.config)
            self._prepare(file, found, desired)
            await self.transact(steps, desired=desired, scope=found.scope)
        self.store.save_baseline(remember(found.baseline, found.observed, file.config))

    async def carry_back(self, file: File, found: Found, steps: Plan) -> None:
        """As `carry_out`, for an undo: a disk that is full or read-only does not stop it."""
        desired = found.desired(file.config)
        with suppress(LbrouterError):
            self._prepare(file, found, desired)
        await self.transact(steps, desired=desired, scope=found.scope)
        with suppress(LbrouterError):
            self.store.save_baseline(remember(found.baseline, found.observed, file.config))

    async def transact(self, steps: Plan, *, desired: KernelState, scope: Scope) -> None:
        """`kernel.transaction.transact`, told; it reads the disk and writes nothing to it."""
        told = Narrated(self.kernel, self.tell(steps))
        await transact(told, steps, desired=desired, scope=scope, store=self.store)

    def programs(self, config: Config | None) -> Plan:
        """What is to be done beside the kernel; None for the file means that nothing shall run.

        Nothing of a program that is missing: who needs it was refused before (`require`).
        """
        no_names = config is not None and dnsmasq.missing(config)
        no_lines = config is not None and pppd.missing(config)
        return Plan(
            operations=(
                *(() if no_lines else self.pppd.pending(config)),
                *(() if no_names else self.dnsmasq.pending(config)),
            )
        )

    async def serve(self, config: Config | None) -> Plan:
        """Start, replace or end the programs beside the kernel; what was done.

        Raises NotAppliedError with the program's own words, when the others have had their turn;
        the kernel keeps what it holds.
        """
        steps, failed = self.programs(config), list[LbrouterError]()
        tell = self.tell(steps)
        for operation in steps.operations:
            owner = self.pppd if pppd.is_session(operation) else self.dnsmasq
            tell(operation)
            try:
                await asyncio.to_thread(owner.carry_out, operation)
            except LbrouterError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return steps

    async def remove(self, config: Config | None) -> None:
        """Take out all that is ours; `config` is what is known of where to look."""
        await self.serve(None)
        baseline = self.store.baseline()
        scope = scope_of(config, baseline)
        desired = nothing(baseline, await self.kernel.facts(scope))
        steps = diff(await self.kernel.observe(scope), desired)
        await self.transact(steps, desired=desired, scope=scope)
        self.leases.forget()
        if baseline != KernelState():
            self.store.save_baseline(KernelState())

    def _prepare(self, file: File, found: Found, desired: KernelState) -> None:
        """All that can be refused before the first change, then all that a crash must not lose.

        The baseline only grows here: what it may forget is known when the apply has come true.
        """
        table = desired.nft
        assert table is not None
        self.store.writable()
        nft.check(table)
        after = remember(found.baseline, found.observed, file.config)
        self.store.save_allocation(found.allocation)
        self.store.save_baseline(
            replace(
                found.baseline,
                sysctls=found.baseline.sysctls | after.sysctls,
                links=found.baseline.links | after.links,
            )
        )
        self.store.save_script(table.structure, table.script)


def holds_ours(observed: KernelState) -> bool:
    """Whether the kernel holds anything of ours, settings aside."""
    others = replace(observed, sysctls=frozenset(), links=frozenset())
    return any(True for _ in others.nouns())
