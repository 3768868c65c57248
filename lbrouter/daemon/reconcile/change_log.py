"""`ChangeLog`: what the loop did to the kernel, as lines of the timeline."""

from collections.abc import Mapping, Sequence

from lbrouter.compile.routing import lan_links
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.reconcile import drift_report, guarantee_changes
from lbrouter.daemon.reconcile.policy_changes import policy_changes
from lbrouter.daemon.reconcile.reconciler import ReconcileResult
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.plan import Operation


class ChangeLog:
    """Remembers what was told last, so that each change is told once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: AppliedState | None = None
        self._shortfalls: guarantee_changes.GuaranteeShortfalls = {}
        self._missing_links: Mapping[str, Message] = {}

    def begin(self) -> None:
        """Another file is in force: what leads to it is told as an apply, not as moves."""
        self._told = None

    def log_moves(self, after: AppliedState, tracker: HealthTracker, took_ms: float) -> None:
        """Log each policy whose new flows go another way than when this was called last."""
        before, self._told = self._told, after
        for move in () if before is None else policy_changes(before, after):
            self._journal.log(
                "move",
                move.said,
                subject=move.policy,
                incident=tracker.incident_of(set(move.old) ^ set(move.new)),
                took_ms=took_ms,
                **{"from": list(move.old), "to": list(move.new), "stayed": list(move.stayed)},
            )

    def log_shortfalls(self, applied: AppliedState) -> None:
        """Log each guarantee that became short, less so, or whole again."""
        after = guarantee_changes.current_shortfalls(applied)
        for vlan, said in guarantee_changes.shortfall_changes(self._shortfalls, after):
            self._journal.log("guarantee", said, subject=vlan)
        self._shortfalls = after

    def log_lan_links(self, applied: AppliedState) -> None:
        """Log each trunk, or port of a VLAN, that disappeared or is there again."""
        after = lan_links.missing_ports(applied.file.config, applied.snapshot.facts)
        for port, said in lan_links.port_changes(self._missing_links, after):
            self._journal.log("trouble", said, subject=port)
        self._missing_links = after

    def log_repair(
        self, changed: Sequence[Operation], notices: Sequence[str], took_ms: float
    ) -> None:
        """Log what another program had changed."""
        text = drift_report.describe_drift(changed, notices)
        self._journal.log("repair", text, changes=len(changed), took_ms=took_ms)

    def log_result(
        self,
        applied: AppliedState,
        outcome: ReconcileResult,
        tracker: HealthTracker,
        notices: list[str],
        took_ms: float,
    ) -> None:
        """Log what a reconcile found and changed."""
        self.log_shortfalls(applied)
        self.log_lan_links(applied)
        self.log_moves(applied, tracker, took_ms)
        if outcome.repair:
            self.log_repair(outcome.changed, notices, took_ms)
        elif outcome.changed:
            self.log_adjustment(outcome.changed, took_ms)

    def log_adjustment(self, changed: Sequence[Operation], took_ms: float) -> None:
        """Log how much was changed."""
        said = message(EventCode.ADJUSTED, changes=len(changed))
        self._journal.log("adjust", said, changes=len(changed), took_ms=took_ms)
