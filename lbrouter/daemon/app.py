"""`Daemon`: holds all parts of the daemon together, from the lock to the end of its journal."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

from lbrouter.compile import health
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon import memory, startup
from lbrouter.daemon.applier import holds_lbrouter_state
from lbrouter.daemon.config_file import ConfigFile, require_tools
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.control.block_commands import BlockCommands
from lbrouter.daemon.control.commands import CommandHandlers
from lbrouter.daemon.control.further_verbs import further_verbs
from lbrouter.daemon.control.lane_inputs import lane_inputs
from lbrouter.daemon.control.override_commands import OverrideCommands
from lbrouter.daemon.control.queries import QueryHandlers
from lbrouter.daemon.control_socket.server import ControlSocket
from lbrouter.daemon.dhcp.address_clients import AddressClients
from lbrouter.daemon.dhcp.pool_watch import LanDhcpWatch
from lbrouter.daemon.events.alert_dispatcher import AlertDispatcher
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.file_reloads import FileReloads
from lbrouter.daemon.health.passive_monitors import PassiveMonitors
from lbrouter.daemon.health.snapshot import save_health
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.heartbeats import send_heartbeats
from lbrouter.daemon.interface_watch import InterfaceWatch
from lbrouter.daemon.lanes.lane_watch import LaneWatch
from lbrouter.daemon.line_neighbours import LineNeighbours
from lbrouter.daemon.metrics.bound_watch import BoundWatch
from lbrouter.daemon.metrics.recorder import TrafficRecorder
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.programs import ProgramSupervisor
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.reconcile.new_flows import NewFlowWindow
from lbrouter.daemon.reconcile.reconciler import Reconciler, build_reconciler
from lbrouter.daemon.supervisor import cancel_all, run_forever
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.probe import Probers
from lbrouter.kernel.read.monitor import Monitor
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.kernel.systemd_notify import SystemdNotifier
from lbrouter.model.errors import ExitCode, NotAppliedError
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.model.paths import Paths


class Daemon:
    """One daemon in one network namespace."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._notifier = SystemdNotifier()
        self._stop_requested = asyncio.Event()
        self._reload_requested = asyncio.Event()
        self._exit_code = ExitCode.DONE

    async def run(self) -> int:
        """Run until a signal ends it. Raises LbrouterError where it cannot start."""
        paths = self._paths
        with exclusive_lock(paths.runtime_dir):
            async with LinuxKernel() as kernel:
                journal = Journal(paths.state_dir)
                try:
                    await self._serve(kernel, journal)
                finally:
                    journal.close()
        return self._exit_code

    async def _serve(self, kernel: LinuxKernel, journal: Journal) -> None:
        paths, self._journal = self._paths, journal
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_requested.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_requested.set)
        overrides = OperatorOverrides.load(paths.state_dir, self._report_damage)
        reconciler = build_reconciler(
            kernel,
            state_dir=paths.state_dir,
            runtime_dir=paths.runtime_dir,
            limits=overrides.limits.in_force,
            blocked=overrides.blocks.in_force,
            report_damage=self._report_damage,
        )
        applier = reconciler.applier
        applier.store.upgrade()
        self._commit_confirm = CommitConfirm(applier)
        file, is_pending = await startup.select_config(self._commit_confirm, paths.config, journal)
        require_tools(file.config)
        tracker = await startup.restore_health(applier, file, journal)
        self._probers = Probers(lambda x: self._loop.tracker.put(x))  # noqa: PLW0108  -- the present
        self._loop = ReconcileLoop(
            reconciler,
            journal,
            file,
            tracker,
            overrides,
            before_health_evaluated=self._probers.suspend_detector.check,
            on_health_evaluated=self._probers.reschedule,
        )
        self._build_parts(reconciler)
        await self._start(file, is_pending=is_pending)
        memory.freeze_startup_heap()
        tasks = [asyncio.create_task(task) for task in self._tasks()]
        self._notifier.ready(self._commands.gateway_name)
        try:
            await self._stop_requested.wait()
        finally:
            self._notifier.stopping()
            # End the tasks; `transact` undoes a change that is half done first.
            self._probers.close()
            self._dhcp_clients.close()
            await cancel_all(tasks)
            reconciler = self._loop.reconciler
            await reconciler.steering.close()
            save_health(
                self._paths.runtime_dir, self._loop.tracker.health, self._loop.tracker.state
            )
            self._journal.log("stop", message(EventCode.STOPPED))

    def _build_parts(self, reconciler: Reconciler) -> None:
        """Make the parts around the loop, each with its collaborators."""
        paths, journal, loop, applier = self._paths, self._journal, self._loop, reconciler.applier
        self._new_flows = NewFlowWindow(reconciler)
        self._dhcp_watch = LanDhcpWatch(journal, applier.dnsmasq)
        self._line_neighbours = LineNeighbours(applier, journal, loop)
        self._bound_watch = BoundWatch(journal, applier.dnsmasq)
        self._traffic = TrafficRecorder(journal, lambda: loop.tracker)
        self._lanes = LaneWatch(
            lambda: lane_inputs(loop.state()),
            lambda: applier.kernel,
            journal,
            loop.request_resync,
            paths.state_dir,
        )
        queries = QueryHandlers(
            loop.state,
            self._traffic,
            self._dhcp_watch,
            self._line_neighbours.advertisements,
            self._lanes.findings,
            bounds=self._bound_watch,
            journal=journal,
            limits=loop.overrides.limits,
            new_flows=self._new_flows,
            pending=self._commit_confirm.pending,
            store=applier.store,
            write_lock=loop.write_lock,
            config_path=paths.config,
            dnsmasq=applier.dnsmasq,
        )
        self._programs = ProgramSupervisor(applier, journal, lambda: loop.config_file.config)
        self._override_commands = OverrideCommands(loop)
        self._blocks = BlockCommands(loop, self._override_commands)
        self._commands = CommandHandlers(
            loop,
            queries,
            self._override_commands,
            commit_confirm=self._commit_confirm,
            programs=self._programs,
            activate=self._activate,
            stop=self._stop_after_rollback,
            further=further_verbs(loop, queries, self._commit_confirm, self._blocks),
        )
        self._reloads = FileReloads(
            self._reload_requested, self._commands, journal, self._notifier, paths.config
        )
        self._interfaces = InterfaceWatch(loop, journal, self._commands.use_again)
        self._socket = ControlSocket(
            paths.runtime_dir, answer=self._commands.handle, stream=queries.stream
        )
        self._alert_dispatcher = AlertDispatcher(
            journal, paths.runtime_dir, lambda: loop.config_file.config
        )
        leases = (applier.lease_store, applier.lease6_store)
        self._dhcp_clients = AddressClients(*leases, journal, loop.request_resync)
        self._passive_monitors = PassiveMonitors(
            lambda: loop.tracker,
            reconciler.known_facts,
            on_carrier_lost=self._dhcp_clients.carrier_lost,
        )

    async def _start(self, file: ConfigFile, *, is_pending: bool) -> None:
        """Bring the kernel to the desired state, and activate the file."""
        loop = self._loop
        loop.activate(file, loop.tracker)
        loop.tracker.evaluate()
        if is_pending:
            await self._watch_what_stands(file, loop.tracker)
        else:
            await self._apply_at_start(file, loop.tracker)

    async def _apply_at_start(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Apply the file at the start. If that fails, keep a state that is applied already."""
        await startup.report_foreign_qdiscs(self._loop.applier, file, self._journal)
        try:
            await self._commands.apply(
                file, foreign_qdiscs=ForeignQdiscPolicy.LEAVE, wait_for_programs=False
            )
        except NotAppliedError as error:
            snapshot = await self._loop.applier.observe(file.config)
            if not holds_lbrouter_state(snapshot.observed):
                raise
            self._journal.log("trouble", message(EventCode.SETTINGS_KEPT, error=str(error)))
            await self._watch_what_stands(file, tracker)

    async def _watch_what_stands(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Use a file that was applied before; reconcile first: a probe needs its route."""
        async with self._loop.write_lock:
            await self._loop.reconcile()
            self._watch(file, tracker)

    async def _activate(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Use this file, which has just been applied, from now on."""
        self._watch(file, tracker)
        await self._loop.reconcile()

    def _watch(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """In one step: what a probe of the file before finds must not count for another line that
        has its name now.
        """
        self._loop.activate(file, tracker)
        self._dhcp_clients.configure(file.config)
        store = self._loop.applier.store
        numbers = allocate(file.config, store.load_allocation()).uplinks
        self._passive_monitors.configure(file.config, numbers)
        self._probers.apply_config(
            file.config,
            numbers,
            next_interval_s=self._probe_interval_s,
            full_size_interval_s=self._full_size_interval_s,
        )

    def _stop_after_rollback(self) -> None:
        """End the daemon: no file was applied before the pending commit."""
        self._exit_code = ExitCode.TRY_AGAIN
        self._stop_requested.set()

    def _report_damage(self, sentence: str) -> None:
        """Tell of a state file that is damaged."""
        self._journal.log("trouble", sentence)

    def _probe_interval_s(self, uplink: str, family: AddressFamily) -> float:
        return health.probe_interval_s(self._loop.tracker.state, uplink, family)

    def _full_size_interval_s(self, uplink: str, family: AddressFamily) -> float:
        return health.full_size_probe_interval_s(self._loop.tracker.state, uplink, family)

    def _tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        loop = self._loop
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "the loop": self._loop.run,
            "the reconciles": self._loop.run_reconciles,
            "the monitor": self._monitor_kernel,
            "the control socket": self._socket.serve,
            "the carriers": self._passive_monitors.poll_carriers,
            "the sampler": self._traffic.run,
            "the new flows": self._new_flows.run,
            "the witness": self._passive_monitors.monitor_replies,
            "the trial": self._commands.expire_pending,
            "the limits": self._override_commands.run,
            "the blocks": self._blocks.run,
            "the programs": self._programs.run,
            "the leases": lambda: self._dhcp_watch.run(lambda: loop.config_file.config),
            "the bounds": lambda: self._bound_watch.run(lambda: loop.config_file.config),
            "the lanes": self._lanes.run,
            "the interfaces": self._interfaces.run,
            "the reload": self._reloads.run,
            "the watchdog": lambda: send_heartbeats(self._notifier, lambda: loop.last_run_at),
            **self._line_neighbours.tasks(),
            **self._alert_dispatcher.tasks(),
        }
        for name, work in tasks.items():
            yield run_forever(name, work, lambda text: self._journal.log("trouble", text))

    async def _monitor_kernel(self) -> None:
        async with Monitor() as monitor:
            self._loop.request_resync()  # earlier changes were not announced to us
            async for notice in monitor:
                for part in (self._loop, self._dhcp_clients, self._interfaces):
                    part.handle_notice(notice)


async def serve(paths: Paths) -> int:
    """Run until SIGTERM or SIGINT. The objects in the kernel stay."""
    return await Daemon(paths).run()
