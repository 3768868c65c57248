"""`Applier`: the one path from a configuration to the kernel, and the state that it keeps.

`apply`, the daemon's reconciles, a rollback and `down` all go through here. The caller holds the
lock of the runtime directory (`kernel.storage.lock`).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from lbrouter.compile.firewall.helpers import missing_helpers
from lbrouter.compile.routing.uplink_addressing import nexthops, stable_facts
from lbrouter.compile.shaping.overrides import VlanLimits
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import (
    observation_scope,
    state_after_down,
    updated_baseline,
)
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.dhcp.advertised_store import AdvertisedStore
from lbrouter.daemon.dhcp.lease6_store import Lease6Store
from lbrouter.daemon.dhcp.lease_store import LeaseStore
from lbrouter.daemon.health.snapshot import last_known_health
from lbrouter.daemon.lanes.lane_facts import facts_with_lanes
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.overrides.store import stored_blocks, stored_limits
from lbrouter.daemon.slow_work import in_disk_thread, in_program_thread
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.neighbours.nexthop_neighbours import answering_nexthops
from lbrouter.kernel.objects import nft
from lbrouter.kernel.own_thread import in_own_thread
from lbrouter.kernel.read.features import cached_features
from lbrouter.kernel.reporting_kernel import ReportingKernel
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, UnavailableError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Operation, Plan
from lbrouter.services import dnsmasq, mdns_reflector, pppd
from lbrouter.system.saved_file import DamageReport

OperationReporter = Callable[[Plan], Callable[[Operation], None]]
"""Takes a plan, returns a function that is called with each operation before it is executed."""


HealthSource = Callable[[Config, Facts], GatewayHealth]
"""Returns the health of the uplinks, given the facts of the machine."""


LimitSource = Callable[[Config], VlanLimits]
"""Returns the operator's limits of the VLANs that the configuration has."""


BlockedSource = Callable[[], frozenset[str]]
"""Returns the hardware addresses that an operator has shut out."""


ChangeView = Callable[[Kernel, AppliedState | None], AbstractContextManager[Kernel]]
"""Takes a kernel and what a change is to make of it (None: nothing of ours). Within the block the
change uses the kernel that it returns."""


def direct_view(kernel: Kernel, _planned: AppliedState | None) -> AbstractContextManager[Kernel]:
    """Nothing runs beside the change: it uses the kernel itself."""
    return nullcontext(kernel)


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
        report_damage: DamageReport | None = None,
        limits: LimitSource | None = None,
        blocked: BlockedSource | None = None,
        change_view: ChangeView = direct_view,
    ) -> None:
        """Without `limits` those count that the last daemon saved; and so with `blocked`.

        With `change_view` the daemon steers beside a change; a command has nothing to steer.
        """
        self.kernel = kernel
        self.store = StateStore(state_dir, report_damage)
        self.dnsmasq = dnsmasq.Dnsmasq(runtime_dir, state_dir)
        self.lease_store = LeaseStore(runtime_dir, self.store.report_damage)
        self.lease6_store = Lease6Store(runtime_dir, self.store.report_damage)
        self.advertised_store = AdvertisedStore(runtime_dir, self.store.report_damage)
        self.pppd = pppd.Pppd(runtime_dir)
        self.mdns = mdns_reflector.MdnsReflectors(runtime_dir)
        self.runtime_dir = runtime_dir
        self.reporter = reporter
        self._limits = limits or partial(stored_limits, state_dir, self.store.report_damage)
        self._blocked = blocked or self._stored_blocked
        self.change_view = change_view

    def _stored_blocked(self) -> frozenset[str]:
        return stored_blocks(self.store.directory, self.store.report_damage).in_force()

    async def reopen_kernel(self) -> None:
        """Open a new netlink socket: the old one may be the cause of a failure."""
        old = self.kernel
        self.kernel = await LinuxKernel().__aenter__()
        with suppress(Exception):
            await old.__aexit__(None, None, None)

    @contextmanager
    def reporting_to(self, reporter: OperationReporter) -> Iterator[None]:
        """Within the block each operation is reported to `reporter`."""
        before, self.reporter = self.reporter, reporter
        try:
            yield
        finally:
            self.reporter = before

    async def observe(
        self, config: Config, *, health_source: HealthSource | None = None
    ) -> MachineSnapshot:
        """Everything that `desired_state` needs; `health_source` gives the health.

        Without one it is what carriers tell, and what a daemon knew a short time ago.
        """
        source = health_source or partial(
            last_known_health, self.runtime_dir, report=self.store.report_damage
        )
        remembered = self.store.load_baseline()
        scope = observation_scope(config, remembered)
        facts = stable_facts(config, await self.kernel.facts(scope))
        facts = replace(
            facts,
            features=cached_features(self.runtime_dir, self.store.report_damage),
            no_address_reasons=self.pppd.no_session_reasons(config),
        )
        facts = self.learned_facts(config, facts)
        heard = answering_nexthops(nexthops(config, facts), facts.interfaces)
        facts = replace(facts, answering_nexthops=heard)
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
            health=source(config, facts),
            limits=self._limits(config),
            blocked=self._blocked(),
        )

    def learned_facts(self, config: Config, facts: Facts) -> Facts:
        """`facts` with what providers told the uplinks: leases, and router advertisements."""
        leased = self.lease_store.facts_with_leases(config, facts)
        leased = self.lease6_store.facts_with_leases(config, leased)
        return self.advertised_store.facts_with_advertisements(config, leased)

    async def apply_plan(self, planned: AppliedState, steps: Plan) -> None:
        """Run the steps as one transaction. What a crash must not lose is on disk before.

        The caller saves the configuration itself: it knows whether it is the last good one.
        """
        if steps:
            await self._check_and_persist(planned)
            await self.run_transaction(steps, planned)
        await in_disk_thread(self.store.save_baseline, _baseline_after(planned))

    async def roll_back_plan(self, planned: AppliedState, steps: Plan) -> None:
        """As `apply_plan`, for an undo: a disk that is full or read-only does not stop it."""
        with suppress(LbrouterError):
            await self._check_and_persist(planned)
        await self.run_transaction(steps, planned)
        with suppress(LbrouterError):
            await in_disk_thread(self.store.save_baseline, _baseline_after(planned))

    async def run_transaction(self, steps: Plan, planned: AppliedState) -> None:
        """`kernel.transaction.transact`, reported. It reads the disk and writes nothing to it."""
        await self._transact(steps, planned.state, planned.snapshot.scope, planned)

    async def _transact(
        self, steps: Plan, desired: KernelState, scope: ObserveScope, planned: AppliedState | None
    ) -> None:
        with self.change_view(self.kernel, planned) as kernel:
            reported = ReportingKernel(kernel, self.reporter(steps))
            await transact(reported, steps, desired=desired, scope=scope, store=self.store)

    def services_plan(self, config: Config | None) -> Plan:
        """The operations on services; None for the file means that no service shall run.

        Without those of a program that is missing: `require_tools` refuses a file that needs it.
        """
        no_names = config is not None and dnsmasq.missing_reason(config)
        no_lines = config is not None and pppd.missing_reason(config)
        no_mdns = config is not None and mdns_reflector.missing_reason(config)
        return Plan(
            operations=(
                *(() if no_lines else self.pppd.pending_operations(config)),
                *(() if no_names else self.dnsmasq.pending_operations(config)),
                *(() if no_mdns else self.mdns.pending_operations(config)),
            )
        )

    async def apply_services(self, config: Config | None) -> Plan:
        """Start, replace or end the services; returns what was done.

        Raises NotAppliedError with the program's own words, after the other services were handled.
        The kernel keeps what it holds.
        """
        steps = await in_program_thread(self.services_plan, config)
        failed = list[LbrouterError]()
        report = self.reporter(steps)
        for operation in steps.operations:
            report(operation)
            try:
                await in_program_thread(self._execute_service, operation)
            except LbrouterError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return steps

    def _execute_service(self, operation: Operation) -> None:
        """Hand an operation to the owner of the program."""
        if pppd.is_pppd_operation(operation):
            self.pppd.execute(operation)
        elif mdns_reflector.is_mdns_operation(operation):
            self.mdns.execute(operation)
        else:
            self.dnsmasq.execute(operation)

    async def remove_all(self, config: Config | None) -> None:
        """Remove all that is ours; `config` says where to look."""
        await self.apply_services(None)
        baseline = self.store.load_baseline()
        scope = observation_scope(config, baseline)
        desired = state_after_down(baseline, await self.kernel.facts(scope))
        steps = diff(await self.kernel.observe(scope), desired)
        await self._transact(steps, desired, scope, None)
        self.lease_store.clear()
        self.lease6_store.clear()
        self.advertised_store.clear()
        if baseline != KernelState():
            self.store.save_baseline(KernelState())

    async def _check_and_persist(self, planned: AppliedState) -> None:
        """Check what can be refused before the first change, then save what must survive a crash.

        The baseline only grows here: what it may forget is known after the apply has succeeded.
        """
        table = planned.state.nft
        assert table is not None
        lacking = missing_helpers(planned.file.config, planned.snapshot.facts.features)
        if lacking:
            raise UnavailableError(lacking)
        await in_disk_thread(self.store.require_writable)
        await in_own_thread(partial(nft.check, table))
        await in_disk_thread(self._persist, planned, table)

    def _persist(self, planned: AppliedState, table: NftTable) -> None:
        snapshot, after = planned.snapshot, _baseline_after(planned)
        self.store.save_allocation(snapshot.allocation)
        self.store.save_baseline(
            replace(
                snapshot.baseline,
                sysctls=snapshot.baseline.sysctls | after.sysctls,
                links=snapshot.baseline.links | after.links,
                link_settings=snapshot.baseline.link_settings | after.link_settings,
            )
        )
        self.store.save_script(table.structure, table.script)


def _baseline_after(planned: AppliedState) -> KernelState:
    snapshot = planned.snapshot
    return updated_baseline(snapshot.baseline, snapshot.observed, planned.file.config)


def holds_lbrouter_state(observed: KernelState) -> bool:
    """Whether the kernel holds an object of ours; sysctls and link flags do not count."""
    others = replace(observed, sysctls=frozenset(), links=frozenset(), link_settings=frozenset())
    return any(True for _ in others.objects())
