"""`ReconcileLoop`: health events come in; when the health changes, the kernel follows.

Two tasks. One steers: it moves flows as soon as the health has changed, and waits for nothing. The
other reconciles. It and the commands that apply or undo a file change the rest of the kernel, one
at a time, under `write_lock`; what an operator asks for beside a file does not take it. No lock is
held while a program starts or a disk writes what can wait. A task that fails is reported and
started again (`supervisor.run_forever`).
"""

import asyncio
from collections.abc import Callable
from typing import Final

from lbrouter.compile.health import is_equivalent
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.daemon_state import DaemonState
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.overrides.waiting import WaitingOverrideLog
from lbrouter.daemon.reconcile.change_log import ChangeLog
from lbrouter.daemon.reconcile.idle_downloads import IdleDownloads
from lbrouter.daemon.reconcile.notices import concerns_us, uplink_events
from lbrouter.daemon.reconcile.reconciler import Reconciler
from lbrouter.daemon.reconcile.repair_limiter import RepairRateLimiter
from lbrouter.daemon.reconcile.verification import Verification
from lbrouter.daemon.wakeup import Wakeup
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

FULL_RESYNC_INTERVAL_S: Final = 10.0
"""A reconcile after this time at the latest: the kernel does not announce every changed setting."""

RECONCILE_RETRY_S: Final = 1.0
"""From a reconcile that failed to the next."""
RECONCILE_TIMEOUT_S: Final = 45.0
"""A reconcile of the largest file takes less: after this time an answer of the kernel was lost."""

STEERING_RETRY_S: Final = 0.2
"""From a failover that was refused to the next try."""

FAILURES_TO_TELL: Final = 3
"""Reconciles in a row that failed before they changed anything: dumps are interrupted by others."""
NOTICES_KEPT: Final = 20


class ReconcileLoop:
    """Reconciles, driven by events, of the file and the health tracker that are active."""

    def __init__(
        self,
        reconciler: Reconciler,
        journal: Journal,
        file: ConfigFile,
        tracker: HealthTracker,
        overrides: OperatorOverrides,
        *,
        before_health_evaluated: Callable[[], None] = lambda: None,
        on_health_evaluated: Callable[[], None] = lambda: None,
    ) -> None:
        """Before an evaluation, delays of this process are noted; after it, probes may be due."""
        self.applier, self.reconciler = reconciler.applier, reconciler
        self.journal = journal
        self.overrides = overrides
        self.write_lock = asyncio.Lock()
        self.config_file, self.tracker = file, tracker
        self.next_resync_at = 0.0
        self.last_run_at = asyncio.get_running_loop().time()
        self._before_health_evaluated = before_health_evaluated
        self._on_health_evaluated = on_health_evaluated
        self._idle_downloads = IdleDownloads(journal)
        self._repair_limiter = RepairRateLimiter()
        self._notices: list[str] = []
        self.verification = Verification(journal)
        self._wakeup = tracker.wakeup
        self._resync_wakeup = Wakeup()
        self._steered_health: GatewayHealth | None = None
        """The health that new flows follow; None where that is not known."""
        self._steering_trouble = self._trouble = ""
        self._changes = ChangeLog(journal)
        self._waiting = WaitingOverrideLog(journal)
        self._round_ended = asyncio.Event()
        self._round_runs = False
        self._halted = False
        self._failures = 0

    def state(self) -> DaemonState:
        """What is held now, for those who only read."""
        return DaemonState(
            file=self.config_file,
            applied=self.reconciler.applied,
            health=self.tracker.health,
            health_state=self.tracker.state,
            since=dict(self.tracker.since),
            kernel=self.verification.status,
        )

    def halt(self) -> None:
        """Stop working: the kernel is to stay as it is until the daemon has ended."""
        self._halted = True

    def activate(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Use this file and this health tracker from now on, with what operators asked for."""
        self.config_file, self.tracker = file, tracker
        tracker.take_over()
        self.overrides = self.overrides.followed(file.config)
        for event in self.overrides.events(file.config):  # some may be younger than the tracker
            tracker.put(event)
        self._waiting.update(self.overrides, file.config)
        self._steered_health = None
        self._changes.begin()
        self.request_resync()

    def request_resync(self) -> None:
        """Reconcile as soon as possible."""
        self._schedule_resync(0.0)

    def _schedule_resync(self, at: float) -> None:
        """Reconcile at this time of the loop's clock, or sooner if that was due."""
        if at < self.next_resync_at or at == 0.0:
            self.next_resync_at = at
            self._resync_wakeup.set()

    def handle_notice(self, notice: Notice) -> None:
        """Handle an announcement of the kernel: a carrier goes to the health tracker at once."""
        now = asyncio.get_running_loop().time()
        if notice.kind is NoticeKind.LINK:
            tracker = self.tracker
            for uplink in tracker.config.uplinks.values():
                addressed = tracker.state.uplinks[uplink.name].addressed
                for event in uplink_events(uplink, notice, now, addressed=addressed):
                    tracker.put(event)
        if notice.own or not concerns_us(notice, self.config_file.config, self.reconciler.applied):
            return
        self._notices = [*self._notices, notice.detail or str(notice.kind)][-NOTICES_KEPT:]
        self._schedule_resync(self._repair_limiter.next_scan_at(now))

    async def run(self) -> None:
        """Steer for ever. What fails in one pass is told, and the next pass goes on at once."""
        while True:
            # Wait for an event, or until the next health timer is due.
            waits = [FULL_RESYNC_INTERVAL_S, self.tracker.seconds_to_next_change()]
            if self._steered_health is None:
                waits.append(STEERING_RETRY_S)
            await self._wakeup.wait(min(each for each in waits if each is not None))
            self._wakeup.clear()
            try:
                await self.evaluate()
            except Exception as error:  # noqa: BLE001  -- no failure may end the failover
                self._handle_steering_failure(error)

    async def run_reconciles(self) -> None:
        """Reconcile for ever, each time that it is due."""
        loop = asyncio.get_running_loop()
        while True:
            await self._resync_wakeup.wait(self.next_resync_at - loop.time())
            self._resync_wakeup.clear()
            if loop.time() >= self.next_resync_at:
                async with self.write_lock:
                    self._round_runs = True
                    await self._reconcile_if_due()
                self._round_runs = False
                self._round_ended.set()
                self._round_ended = asyncio.Event()

    async def wait_reconciled(self) -> None:
        """Wait until no reconcile is due or runs: the kernel holds what was asked, or refused."""
        while self._round_runs or asyncio.get_running_loop().time() >= self.next_resync_at:
            await self._round_ended.wait()

    async def evaluate(self) -> None:
        """Evaluate the health, and steer where the kernel does not follow it yet."""
        self.last_run_at = asyncio.get_running_loop().time()
        if self._halted:
            return
        self._before_health_evaluated()
        self.tracker.evaluate()
        self._on_health_evaluated()
        known = self._steered_health
        if known is None or not is_equivalent(known, self.tracker.health):
            await self._steer()

    async def _reconcile_if_due(self) -> None:
        if self._halted:
            self.next_resync_at = float("inf")
        elif asyncio.get_running_loop().time() >= self.next_resync_at:
            await self.reconcile()

    async def _steer(self) -> None:
        """Move new flows to the fit uplinks, starting from the state that was observed last."""
        loop, steering, tracker = asyncio.get_running_loop(), self.reconciler.steering, self.tracker
        begun, health = loop.time(), tracker.health
        try:
            done = await steering.steer(tracker.config, health)
        except Exception as error:  # noqa: BLE001  -- no failure may end the failover
            self._handle_steering_failure(error)
            return
        self._steered_health = health
        snapshot.save_health(self.applier.runtime_dir, health, tracker.state)
        if done is None:
            self._steering_trouble = ""
            return
        self._idle_downloads.follow(self.reconciler.applied)
        self._changes.log_moves(done.after, tracker, round((loop.time() - begun) * 1000, 1))
        if done.refused is None:
            self._steering_trouble = ""
            await self._update_rates()
        else:
            self._handle_steering_failure(done.refused, again=not done.complete)
        self.request_resync()

    def _handle_steering_failure(self, error: Exception, *, again: bool = True) -> None:
        """Report it. Look at the table, and try again soon where it does not follow the health."""
        said = str(error) or type(error).__name__
        if said != self._steering_trouble:
            self.journal.log("trouble", message(EventCode.FAILOVER_REFUSED, error=said))
        self._steering_trouble = said
        self.verification.fail(said)
        if again:
            self._steered_health = None
            self.reconciler.steering.observe_table()
        self.request_resync()

    async def _update_rates(self) -> None:
        """Fit the rates to the working uplinks, before the reconcile that follows."""
        begun = asyncio.get_running_loop().time()
        try:
            changed = await self.reconciler.steering.update_rates()
        except Exception as error:  # noqa: BLE001  -- the reconcile that follows repairs it
            self.journal.log("trouble", message(EventCode.RATES_REFUSED, error=str(error)))
            return
        if changed and self.reconciler.applied is not None:
            self._changes.log_shortfalls(self.reconciler.applied)
            took_ms = round((asyncio.get_running_loop().time() - begun) * 1000, 1)
            self._changes.log_adjustment(changed, took_ms)

    async def reconcile(self) -> None:
        """Observe, compare, correct. A failure is reported, and tried again soon."""
        loop = asyncio.get_running_loop()
        begun, notices, self._notices = loop.time(), self._notices, []
        self.next_resync_at = begun + FULL_RESYNC_INTERVAL_S
        try:
            async with asyncio.timeout(RECONCILE_TIMEOUT_S):
                outcome = await self.reconciler.reconcile(
                    self.config_file, self.tracker.evaluate_facts
                )
        except Exception as error:  # noqa: BLE001  -- no failure may end the failover
            # Report it, try again soon; the second time with a new socket: the old
            # one may fail.
            self._failures += 1
            said = str(error) or type(error).__name__
            if said != self._trouble:
                self.journal.log("trouble", message(EventCode.RECONCILE_FAILED, error=said))
            self._trouble = said
            if self._failures > 1:
                await self.applier.reopen_kernel()
            await self.handle_refusal(error)
            self.next_resync_at = asyncio.get_running_loop().time() + RECONCILE_RETRY_S
            return
        self._failures, self._trouble = 0, ""
        self._idle_downloads.follow(self.reconciler.applied)
        ended = loop.time()
        self._repair_limiter.record_scan(begun=begun, ended=ended)
        if outcome.steered:
            self.request_resync()
        else:
            self.verification.succeed()
        if outcome.changed:
            self._steered_health = None
        snapshot.save_health(self.applier.runtime_dir, self.tracker.health, self.tracker.state)
        self._wakeup.set()  # the facts may have changed the health
        applied, took_ms = self.reconciler.applied, round((ended - begun) * 1000, 1)
        assert applied is not None
        self._changes.log_result(applied, outcome, self.tracker, notices, took_ms)
        if outcome.repair:
            # After many repairs the next scan waits, also where our own change was
            # announced.
            now = asyncio.get_running_loop().time()
            self._repair_limiter.record_repair(now)
            if self._repair_limiter.is_exhausted(now):
                later = self._repair_limiter.next_scan_at(now)
                self.next_resync_at = max(self.next_resync_at, later)

    async def handle_refusal(self, error: Exception) -> None:
        """A change failed. Where it had begun, observe what it left, and steer from that."""
        steering = self.reconciler.steering
        if steering.needs_observation or self._failures >= FAILURES_TO_TELL:
            self.verification.fail(str(error) or type(error).__name__)
        if steering.needs_observation:
            await steering.observe_again()
            self._steered_health = None
            self._wakeup.set()
        self.request_resync()
