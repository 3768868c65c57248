"""`Applier`: the one path from a configuration to the kernel, and the state that it keeps.

`apply`, the daemon's reconciles, a rollback and `down` all go through here. The caller holds the
lock of the runtime directory (`kernel.storage.lock`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.routing.uplink_addressing import stable_facts
from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import (
    desired_state,
    observation_scope,
    state_after_down,
    updated_baseline,
)
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.dhcp.lease_store import LeaseStore
from lbrouter.daemon.lanes.lane_facts import facts_with_lanes
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import nft
from lbrouter.kernel.read.features import cached_features
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation, Plan
from lbrouter.services import dnsmasq, pppd

OperationReporter = Callable[[Plan], Callable[[Operation], None]]
"""Takes a plan, returns a function that is called with each operation before it is executed."""


HealthSource = Callable[[Config, Facts], GatewayHealth]
"""Returns the health of the uplinks, given the facts of the machine."""


class DesiredStateInputs(TypedDict):
    """Arguments of `desired_state`, by their names."""

    allocation: Allocation
    health: GatewayHealth
    facts: Facts
    baseline: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSnapshot:
    """The observed machine and the saved state, for one configuration."""

    scope: ObserveScope
    facts: Facts
    observed: KernelState
    baseline: KernelState
    allocation: Allocation
    health: GatewayHealth

    def inputs(self) -> DesiredStateInputs:
        """What `desired_state` takes, beside the configuration."""
        return {
            "allocation": self.allocation,
            "health": self.health,
            "facts": self.facts,
            "baseline": self.baseline,
        }

    def foreign_qdisc_warnings(self, config: Config) -> tuple[str, ...]:
        """Foreign queueing disciplines where `config` wants ours, as sentences."""
        everything = replace(self, facts=foreign_qdiscs.permit_all(self.facts))
        return tuple(foreign_qdiscs.conflicts(everything.desired(config), self.facts))

    def with_foreign_qdisc_policy(
        self, config: Config, policy: ForeignQdiscPolicy
    ) -> "MachineSnapshot":
        """The same, with the permission that `policy` gives; NotAppliedError where it refuses."""
        if policy is ForeignQdiscPolicy.LEAVE:
            return self
        blocked = self.foreign_qdisc_warnings(config)
        if blocked and policy is ForeignQdiscPolicy.REFUSE:
            raise NotAppliedError(
                "\n  ".join(blocked),
                remedy=f"`lbrouter apply {foreign_qdiscs.TAKE_OVER_OPTION}` replaces it;"
                " `down` cannot give it back.",
            )
        return replace(self, facts=foreign_qdiscs.permit_all(self.facts))

    def desired(self, config: Config) -> KernelState:
        """What the kernel should hold for `config`, as things are."""
        return desired_state(config, **self.inputs())


class LoggingKernel:
    """A kernel that reports each operation before it executes it."""

    def __init__(self, kernel: LinuxKernel, on_operation: Callable[[Operation], None]) -> None:
        self._kernel = kernel
        self._on_operation = on_operation

    async def observe(self, scope: ObserveScope) -> KernelState:
        """As the kernel's own."""
        return await self._kernel.observe(scope)

    async def facts(self, scope: ObserveScope) -> Facts:
        """As the kernel's own."""
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        """Report the operation, then execute it."""
        self._on_operation(operation)
        await self._kernel.execute(operation)


def silent_reporter(_plan: Plan) -> Callable[[Operation], None]:
    """A reporter that reports nothing."""
    return lambda _operation: None


class Applier:
    """A kernel, and the directories in which lbrouter saves what the kernel does not store."""

    def __init__(
        self,
        kernel: LinuxKernel,
        *,
        state_dir: Path,
        runtime_dir: Path,
        reporter: OperationReporter = silent_reporter,
    ) -> None:
        self.kernel = kernel
        self.store = StateStore(state_dir)
        self.dnsmasq = dnsmasq.Dnsmasq(runtime_dir, state_dir)
        self.lease_store = LeaseStore(runtime_dir)
        self.pppd = pppd.Pppd(runtime_dir)
        self.runtime_dir = runtime_dir
        self.reporter = reporter

    async def reopen_kernel(self) -> None:
        """Open a new netlink socket: the old one may be the cause of a failure."""
        old = self.kernel
        self.kernel = await LinuxKernel().__aenter__()
        with suppress(Exception):
            await old.__aexit__(None, None, None)

    async def observe(
        self, config: Config, *, health_source: HealthSource = health_without_daemon
    ) -> MachineSnapshot:
        """Everything that `desired_state` needs; `health_source` gives the health."""
        remembered = self.store.load_baseline()
        scope = observation_scope(config, remembered)
        facts = stable_facts(config, await self.kernel.facts(scope))
        facts = replace(
            facts,
            features=cached_features(self.runtime_dir),
            no_address_reasons=self.pppd.no_session_reasons(config),
        )
        facts = self.lease_store.facts_with_leases(config, facts)
        if config.lanes():
            state_dir = self.store.directory
            facts = await facts_with_lanes(config, facts, self.kernel, state_dir)
        observed = await self.kernel.observe(scope)
        return MachineSnapshot(
            scope=scope,
            facts=facts,
            observed=observed,
            # Nothing of ours is there, for example after a boot: the baseline begins again.
            baseline=remembered if holds_lbrouter_state(observed) else KernelState(),
            allocation=allocate(config, self.store.load_allocation()),
            health=health_source(config, facts),
        )

    async def apply_plan(self, file: ConfigFile, snapshot: MachineSnapshot, steps: Plan) -> None:
        """Run the steps as one transaction. What a crash must not lose is on disk before.

        The caller saves the configuration itself: it knows whether it is the last good one.
        """
        if steps:
            desired = snapshot.desired(file.config)
            self._check_and_persist(file, snapshot, desired)
            await self.run_transaction(steps, desired=desired, scope=snapshot.scope)
        self.store.save_baseline(
            updated_baseline(snapshot.baseline, snapshot.observed, file.config)
        )

    async def roll_back_plan(
        self, file: ConfigFile, snapshot: MachineSnapshot, steps: Plan
    ) -> None:
        """As `apply_plan`, for an undo: a disk that is full or read-only does not stop it."""
        desired = snapshot.desired(file.config)
        with suppress(LbrouterError):
            self._check_and_persist(file, snapshot, desired)
        await self.run_transaction(steps, desired=desired, scope=snapshot.scope)
        with suppress(LbrouterError):
            self.store.save_baseline(
                updated_baseline(snapshot.baseline, snapshot.observed, file.config)
            )

    async def run_transaction(
        self, steps: Plan, *, desired: KernelState, scope: ObserveScope
    ) -> None:
        """`kernel.transaction.transact`, reported. It reads the disk and writes nothing to it."""
        kernel = LoggingKernel(self.kernel, self.reporter(steps))
        await transact(kernel, steps, desired=desired, scope=scope, store=self.store)

    def services_plan(self, config: Config | None) -> Plan:
        """The operations on services; None for the file means that no service shall run.

        Without those of a program that is missing: `require_tools` refuses a file that needs it.
        """
        no_names = config is not None and dnsmasq.missing_reason(config)
        no_lines = config is not None and pppd.missing_reason(config)
        return Plan(
            operations=(
                *(() if no_lines else self.pppd.pending_operations(config)),
                *(() if no_names else self.dnsmasq.pending_operations(config)),
            )
        )

    async def apply_services(self, config: Config | None) -> Plan:
        """Start, replace or end the services; returns what was done.

        Raises NotAppliedError with the program's own words, after the other services were handled.
        The kernel keeps what it holds.
        """
        steps, failed = self.services_plan(config), list[LbrouterError]()
        report = self.reporter(steps)
        for operation in steps.operations:
            owner = self.pppd if pppd.is_pppd_operation(operation) else self.dnsmasq
            report(operation)
            try:
                await asyncio.to_thread(owner.execute, operation)
            except LbrouterError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return steps

    async def remove_all(self, config: Config | None) -> None:
        """Remove all that is ours; `config` says where to look."""
        await self.apply_services(None)
        baseline = self.store.load_baseline()
        scope = observation_scope(config, baseline)
        desired = state_after_down(baseline, await self.kernel.facts(scope))
        steps = diff(await self.kernel.observe(scope), desired)
        await self.run_transaction(steps, desired=desired, scope=scope)
        self.lease_store.clear()
        if baseline != KernelState():
            self.store.save_baseline(KernelState())

    def _check_and_persist(
        self, file: ConfigFile, snapshot: MachineSnapshot, desired: KernelState
    ) -> None:
        """Check what can be refused before the first change, then save what must survive a crash.

        The baseline only grows here: what it may forget is known after the apply has succeeded.
        """
        table = desired.nft
        assert table is not None
        self.store.require_writable()
        nft.check(table)
        after = updated_baseline(snapshot.baseline, snapshot.observed, file.config)
        self.store.save_allocation(snapshot.allocation)
        self.store.save_baseline(
            replace(
                snapshot.baseline,
                sysctls=snapshot.baseline.sysctls | after.sysctls,
                links=snapshot.baseline.links | after.links,
            )
        )
        self.store.save_script(table.structure, table.script)


def holds_lbrouter_state(observed: KernelState) -> bool:
    """Whether the kernel holds an object of ours; sysctls and link flags do not count."""
    others = replace(observed, sysctls=frozenset(), links=frozenset())
    return any(True for _ in others.objects())
