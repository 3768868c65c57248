"""`ReconcileLoop`: health events come in; when the health changes, the kernel follows.

One loop, one writer: every change of the kernel (a reconcile, a command from the socket) is made
under `write_lock`. A task that fails is reported and started again (`supervisor.run_forever`).
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lbrouter.compile.routing import lan_links
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.reconcile import drift_report, guarantee_changes
from lbrouter.daemon.reconcile.policy_changes import policy_changes
from lbrouter.daemon.reconcile.reconciler import AppliedState, Reconciler, ReconcileResult
from lbrouter.daemon.reconcile.repair_limiter import RepairRateLimiter
from lbrouter.daemon.wakeup import Wakeup
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.config import Uplink
from lbrouter.model.events import AddressingChanged, CarrierChanged, HealthEvent

FULL_RESYNC_INTERVAL_S: Final = 10.0
"""A reconcile after this time at the latest: the kernel does not announce every changed setting."""

RECONCILE_RETRY_S: Final = 1.0
"""From a reconcile that failed to the next."""

RECONCILE_TIMEOUT_S: Final = 45.0
"""A reconcile of the largest file takes less: after this time an answer of the kernel was lost."""

NOTICES_KEPT: Final = 20


class ReconcileLoop:
    """Reconciles, driven by events. `activate` first; then `run`."""

    def __init__(self, applier: Applier, journal: Journal) -> None:
        self.applier = applier
        self.journal = journal
        self.commit_confirm = CommitConfirm(applier)
        self.reconciler = Reconciler(applier)
        self.overrides = OperatorOverrides.load(applier.store.directory)
        self.write_lock = asyncio.Lock()
        self.config_file: ConfigFile
        self.tracker: HealthTracker
        self.next_resync_at = 0.0
        self.last_run_at = asyncio.get_running_loop().time()
        self.on_health_evaluated: Callable[[], None] = lambda: None
        """Called after each evaluation of the health: the next probes may be due sooner."""
        self._repair_limiter = RepairRateLimiter()
        self._notices: list[str] = []
        self._wakeup = Wakeup()
        self._shortfalls: guarantee_changes.GuaranteeShortfalls = {}
        self._missing_links: Mapping[str, str] = {}
        self._halted = False
        self._failures = 0

    def halt(self) -> None:
        """Stop working: the kernel is to stay as it is until the daemon has ended."""
        self._halted = True

    def activate(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Use this file and this health tracker from now on."""
        self.config_file, self.tracker = file, tracker
        tracker.wakeup = self._wakeup
        tracker.take_over()
        self.reconciler.applied = None
        self.request_resync()

    def request_resync(self) -> None:
        """Reconcile as soon as possible."""
        self.next_resync_at = 0.0
        self._wakeup.set()

    def handle_notice(self, notice: Notice) -> None:
        """Handle an announcement of the kernel: a carrier goes to the health tracker at once."""
        now = asyncio.get_running_loop().time()
        if notice.kind is NoticeKind.LINK:
            for uplink in self.tracker.config.uplinks.values():
                addressed = self.tracker.state.uplinks[uplink.name].addressed
                for event in _uplink_events(uplink, notice, now, addressed=addressed):
                    self.tracker.put(event)
        if notice.own:
            return
        self._notices = [*self._notices, notice.detail or str(notice.kind)][-NOTICES_KEPT:]
        due = self._repair_limiter.next_scan_at(now)
        if due < self.next_resync_at:
            self.next_resync_at = due
            self._wakeup.set()

    async def run(self) -> None:
        """Repeat: wait for an event or for the time of the next reconcile, then act."""
        while True:
            await self._wait()
            async with self.write_lock:
                await self.run_once()

    async def _wait(self) -> None:
        """Wait for an event, or until the next reconcile or health timer is due."""
        now = asyncio.get_running_loop().time()
        waits = [self.next_resync_at - now, self.tracker.seconds_to_next_change()]
        await self._wakeup.wait(min(each for each in waits if each is not None))
        self._wakeup.clear()

    async def run_once(self) -> None:
        """Evaluate the health; a fast failover if it has changed; a reconcile if one is due."""
        self.last_run_at = asyncio.get_running_loop().time()
        if self._halted:
            self.next_resync_at = float("inf")
            return
        health_changed = self.tracker.evaluate()
        self.on_health_evaluated()
        if health_changed:
            await self.fast_failover()
        if asyncio.get_running_loop().time() >= self.next_resync_at:
            await self.reconcile()

    async def fast_failover(self) -> None:
        """Move new flows to the fit uplinks, starting from the applied state."""
        loop, before = asyncio.get_running_loop(), self.reconciler.applied
        begun, due, self.next_resync_at = loop.time(), self.next_resync_at, 0.0
        try:
            changed = await self.reconciler.fast_failover(self.tracker.health)
        except Exception as error:  # noqa: BLE001  -- the reconcile that follows repairs it
            self.journal.log("trouble", f"the short way was refused, a full round follows: {error}")
            return
        took_ms = round((loop.time() - begun) * 1000, 1)
        snapshot.save_health(self.applier.runtime_dir, self.tracker.health, self.tracker.state)
        if changed is None:
            self.next_resync_at = due
        elif before is not None:
            self._log_policy_changes(before, took_ms)
            await self._update_rates()

    async def _update_rates(self) -> None:
        """Fit the rates to the working uplinks, before the reconcile that follows."""
        begun = asyncio.get_running_loop().time()
        try:
            changed = await self.reconciler.update_rates()
        except Exception as error:  # noqa: BLE001  -- the reconcile that follows repairs it
            self.journal.log("trouble", f"new rates were refused, a full round follows: {error}")
            return
        if changed:
            self._log_shortfall_changes()
            took_ms = round((asyncio.get_running_loop().time() - begun) * 1000, 1)
            self._log_change_count(len(changed), took_ms)

    def _log_policy_changes(self, before: AppliedState, took_ms: float) -> None:
        assert self.reconciler.applied is not None
        for move in policy_changes(before, self.reconciler.applied):
            self.journal.log(
                "move",
                move.text,
                subject=move.policy,
                incident=self.tracker.incident_of(set(move.old) ^ set(move.new)),
                took_ms=took_ms,
                **{"from": list(move.old), "to": list(move.new), "stayed": list(move.stayed)},
            )

    def _log_shortfall_changes(self) -> None:
        assert self.reconciler.applied is not None
        after = guarantee_changes.current_shortfalls(self.reconciler.applied)
        for vlan, text in guarantee_changes.shortfall_changes(self._shortfalls, after):
            self.journal.log("guarantee", text, subject=vlan)
        self._shortfalls = after

    def _log_lan_link_changes(self) -> None:
        """Log each trunk, or port of a VLAN, that disappeared or is there again."""
        assert self.reconciler.applied is not None
        after = lan_links.missing_ports(
            self.config_file.config, self.reconciler.applied.snapshot.facts
        )
        for port, text in lan_links.port_changes(self._missing_links, after):
            self.journal.log("trouble", text, subject=port)
        self._missing_links = after

    async def reconcile(self) -> None:
        """Observe, compare, correct. A failure is reported, and tried again soon."""
        loop, before = asyncio.get_running_loop(), self.reconciler.applied
        begun, notices, self._notices = loop.time(), self._notices, []
        self.next_resync_at = begun + FULL_RESYNC_INTERVAL_S
        try:
            async with asyncio.timeout(RECONCILE_TIMEOUT_S):
                outcome = await self.reconciler.reconcile(
                    self.config_file, self.tracker.evaluate_facts
                )
        except Exception as error:  # noqa: BLE001  -- no failure may end the failover
            await self._handle_failure(error)
            return
        self._failures = 0
        ended = loop.time()
        self._repair_limiter.record_scan(begun=begun, ended=ended)
        snapshot.save_health(self.applier.runtime_dir, self.tracker.health, self.tracker.state)
        self._log_shortfall_changes()
        self._log_lan_link_changes()
        self._log_result(outcome, notices, before, took_ms=round((ended - begun) * 1000, 1))

    async def _handle_failure(self, error: Exception) -> None:
        """Report it, try again soon; the second time with a new socket: the old one may fail."""
        self.next_resync_at = asyncio.get_running_loop().time() + RECONCILE_RETRY_S
        self._failures += 1
        said = str(error) or type(error).__name__
        self.journal.log("trouble", f"the kernel does not follow, next try soon: {said}")
        if self._failures > 1:
            await self.applier.reopen_kernel()

    def _log_result(
        self,
        outcome: ReconcileResult,
        notices: list[str],
        before: AppliedState | None,
        *,
        took_ms: float,
    ) -> None:
        count = len(outcome.changed)
        if outcome.repair:
            now = asyncio.get_running_loop().time()
            self._repair_limiter.record_repair(now)
            if self._repair_limiter.is_exhausted(now):  # our own change was announced meanwhile
                self.next_resync_at = max(
                    self.next_resync_at, self._repair_limiter.next_scan_at(now)
                )
            text = drift_report.describe_drift(outcome.changed, notices)
            self.journal.log("repair", text, changes=count, took_ms=took_ms)
        elif count:
            if before is not None:
                self._log_policy_changes(before, took_ms)
            self._log_change_count(count, took_ms)

    def _log_change_count(self, count: int, took_ms: float) -> None:
        self.journal.log("adjust", f"{count} {_plural(count)}", changes=count, took_ms=took_ms)


def _uplink_events(
    uplink: Uplink, notice: Notice, now: float, *, addressed: bool
) -> Iterator[HealthEvent]:
    """What a notice of a link means to an uplink: its carrier, or the end of its session.

    A session that is still being set up has a device already; its failure ends no session.
    """
    up = notice.exists and notice.carrier
    if notice.interface == uplink.interface:
        yield CarrierChanged(at=now, uplink=uplink.name, up=up, present=notice.exists)
    elif notice.interface == uplink.device and addressed and not up:
        reason = f"the session on {uplink.interface} ended"
        yield AddressingChanged(at=now, uplink=uplink.name, ready=False, reason=reason)


def _plural(count: int) -> str:
    return "change" if count == 1 else "changes"
