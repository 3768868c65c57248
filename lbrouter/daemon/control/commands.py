"""The commands of the control socket. A command that changes something holds the write lock."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.routing.lan_links import missing_ports
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import ConfigFile, parse_config, require_tools
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.control import confirmation
from lbrouter.daemon.control.change_recorder import recorded_changes
from lbrouter.daemon.control.documents import ChangeDocument, change_document
from lbrouter.daemon.control.queries import QueryHandlers
from lbrouter.daemon.control_socket.protocol import (
    Document,
    flag_field,
    int_field,
    string_field,
)
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.daemon.overrides.temporary_limits import (
    LIMIT_DIRECTIONS,
    TemporaryLimit,
    limit_message,
    validated_limit_rate,
)
from lbrouter.daemon.programs import ProgramSupervisor
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError, UsageError
from lbrouter.model.events import HealthEvent
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageValue, message
from lbrouter.model.units import Duration, Rate
from lbrouter.services import secrets

ActivateConfig = Callable[[ConfigFile, HealthTracker], Awaitable[None]]


class CommandHandlers:
    """Answers requests.

    `activate` is called with each new file and its health tracker, after the apply; `stop` when the
    daemon has no work any more.
    """

    def __init__(
        self,
        loop: ReconcileLoop,
        view: QueryHandlers,
        *,
        commit_confirm: CommitConfirm,
        overrides: OperatorOverrides,
        programs: ProgramSupervisor,
        activate: ActivateConfig,
        stop: Callable[[], object],
    ) -> None:
        self._loop, self._commit_confirm = loop, commit_confirm
        self._pending, self._overrides = commit_confirm.pending, overrides
        self._programs = programs
        self._activate = activate
        self._stop = stop
        self._verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            **view.verbs,
            "apply": self._apply,
            "confirm": self._confirm,
            "rollback": self._rollback,
            "drain": self._drain,
            "pin": self._pin,
            "restore": self._restore,
            "limit": self._limit,
        }

    async def handle(self, request: Document) -> Any:
        """The result of a request. Raises LbrouterError."""
        verb = self._verbs.get(request["verb"])
        if verb is None:
            raise UsageError(
                f"There is no verb {request['verb']!r}.",
                remedy=f"There is: {', '.join(self._verbs)}.",
            )
        return await verb(request)

    async def _apply(self, request: Document) -> Any:
        text = string_field(request, "config")
        source = string_field(request, "source", default="a file")
        file = parse_config(text.encode(), source=source)
        require_tools(file.config)
        secrets.require(file.config)
        within_ms = int_field(request, "confirm_within_ms", default=0)
        within = Duration(within_ms) if within_ms else None
        replaces = request.get("take_over", False) is True
        roots = ForeignQdiscPolicy.REPLACE if replaces else ForeignQdiscPolicy.REFUSE
        changes = await self.apply(file, within=within, foreign_qdiscs=roots)
        left = self._pending.remaining_s()
        applied = self._loop.reconciler.applied
        missing = {} if applied is None else missing_ports(file.config, applied.snapshot.facts)
        return {
            "changes": changes,
            "warnings": [
                *file.warnings,
                *map(str, missing.values()),
                *map(str, partially_supported(file.config)),
            ],
            "pending_confirm_s": None if left is None else ceil(left),
        }

    async def apply(
        self,
        file: ConfigFile,
        *,
        within: Duration | None = None,
        foreign_qdiscs: ForeignQdiscPolicy = ForeignQdiscPolicy.REFUSE,
        wait_for_programs: bool = True,
    ) -> list[ChangeDocument]:
        """Apply and activate `file`, then start its programs; returns the changes.

        A refusal is told in the timeline. The caller does not hold the write lock. Without
        `wait_for_programs` their supervisor starts them.
        """
        loop = self._loop
        try:
            async with loop.write_lock:
                changes = await self._apply_to_kernel(file, within, foreign_qdiscs)
        except LbrouterError as error:
            said = message(EventCode.APPLY_REFUSED, source=file.source, error=str(error))
            loop.journal.log("trouble", said, subject="apply")
            await loop.handle_refusal(error)
            raise
        values: dict[str, MessageValue] = {"source": file.source, "changes": len(changes)}
        said = Message(code=EventCode.APPLIED, values=values)
        if within is not None:
            values["within"] = str(within)
            said = Message(code=EventCode.APPLIED_ON_TRIAL, values=values)
        loop.journal.log("apply", said)
        if not wait_for_programs:
            return changes
        programs = await self._programs.apply(file.config)
        return [*changes, *map(change_document, programs.operations)]

    async def _apply_to_kernel(
        self, file: ConfigFile, within: Duration | None, foreign_qdiscs: ForeignQdiscPolicy
    ) -> list[ChangeDocument]:
        loop, applier = self._loop, self._loop.applier
        tracker = loop.tracker.with_config(file.config)
        snapshot = await applier.observe(file.config, health_source=tracker.evaluate_facts)
        snapshot = snapshot.with_foreign_qdisc_policy(file.config, foreign_qdiscs)
        with recorded_changes(loop.applier) as changes:
            await self._commit_confirm.apply_to_kernel(snapshot.planned(file), within=within)
        await self._activate(file, tracker)
        return changes

    async def _confirm(self, _request: Document) -> Any:
        async with self._loop.write_lock:
            kept = (await in_disk_thread(self._commit_confirm.confirm)).source
        self._loop.journal.log("confirm", message(EventCode.CONFIRMED, source=kept))
        return {"kept": kept}

    async def _rollback(self, request: Document) -> Any:
        async with self._loop.write_lock:
            record = self._pending.read()
            if record is None or request.get("id", record.id) != record.id:
                return {"undone": "", "changes": []}
            changes = await self.rollback(record.source, why="as asked")
        return {"undone": record.source, "changes": changes}

    async def rollback(self, source: str, *, why: str) -> list[ChangeDocument]:
        """Undo the pending commit; the caller holds the write lock.

        Where no file was applied before, nothing is left to do, and the daemon ends. The programs
        of the file that counts then are started by their supervisor, soon.
        """
        try:
            return await self._roll_back_kernel(source, why)
        except LbrouterError as error:
            await self._loop.handle_refusal(error)
            raise

    async def _roll_back_kernel(self, source: str, why: str) -> list[ChangeDocument]:
        loop, trackers = self._loop, [self._loop.tracker]

        def evaluate_health(config: Config, facts: Facts) -> GatewayHealth:
            trackers.append(trackers[0].with_config(config))
            return trackers[-1].evaluate_facts(config, facts)

        with recorded_changes(loop.applier) as changes:
            file = await self._commit_confirm.roll_back_kernel(health_source=evaluate_health)
        said = message(EventCode.ROLLED_BACK, source=source, why=why, changes=len(changes))
        loop.journal.log("rollback", said)
        if file is None:
            loop.halt()
            self._stop()
        else:
            await self._activate(file, trackers[-1])
        return changes

    async def _drain(self, request: Document) -> Any:
        """No new flows; with "now" the living ones move as well."""
        name, now = string_field(request, "uplink"), flag_field(request, "now")
        config = self._loop.config_file.config
        if name in config.uplinks and not flag_field(request, "yes"):
            confirmation.require_other_uplinks(config, name, *self._current())
        event = self._overrides.drain(config, name, move_flows=now)
        code = EventCode.DRAINED_NOW if now else EventCode.DRAINED
        return await self._apply_override(event, message(code, uplink=name))

    async def _pin(self, request: Document) -> Any:
        policy, name = string_field(request, "policy"), string_field(request, "uplink")
        config = self._loop.config_file.config
        known = policy in config.policies and name in config.policies[policy].uplinks
        if known and not flag_field(request, "yes"):
            confirmation.require_fit_pin(config, policy, name, *self._current())
        event = self._overrides.pin(config, policy, name)
        return await self._apply_override(
            event, message(EventCode.PINNED, policy=policy, uplink=name)
        )

    def _current(self) -> tuple[GatewayHealth, Facts]:
        """The health now, and the facts of the last reconcile."""
        applied = self._loop.reconciler.applied
        if applied is None:
            raise NotAppliedError("The kernel is being changed.", remedy="Try again in a second.")
        return self._loop.tracker.health, applied.snapshot.facts

    async def _restore(self, request: Document) -> Any:
        name = string_field(request, "uplink")
        event = self._overrides.restore(self._loop.config_file.config, name)
        return await self._apply_override(event, message(EventCode.RESTORED, uplink=name))

    async def _apply_override(self, event: HealthEvent, said: Message) -> Any:
        """Set an operator override: new flows follow it when this returns. Kept over a restart."""
        async with self._loop.write_lock:
            self._loop.tracker.put(event)
            await self._loop.run_once()
        await self._log_and_save("wish", said)
        return {"said": str(said), "message": said.as_json()}

    async def _log_and_save(self, kind: str, said: str | Message, *, subject: str = "") -> None:
        loop = self._loop
        loop.journal.log(kind, said, subject=subject)
        try:
            await in_disk_thread(self._overrides.save, loop.applier.store.directory)
        except LbrouterError as error:
            loop.journal.log("trouble", message(EventCode.NOT_REMEMBERED, error=str(error)))

    async def _limit(self, request: Document) -> Any:
        """Set a temporary limit of a VLAN: `rate` in bits per second, 0 removes it."""
        loop, vlan = self._loop, string_field(request, "vlan")
        directions = _parse_directions(request)
        rate = int_field(request, "rate", default=0)
        for_ms = int_field(request, "for_ms", default=0)
        config = loop.config_file.config
        if rate and vlan in config.vlans and not flag_field(request, "yes"):
            rate_asked = validated_limit_rate(rate)
            confirmation.require_whole_guarantee(config.vlans[vlan], directions, rate_asked)
        async with loop.write_lock:
            if rate:
                within = Duration(for_ms) if for_ms else None
                ceiling = TemporaryLimit.start(validated_limit_rate(rate), within)
                self._overrides.set_limit(config, vlan, directions, ceiling)
                said = limit_message(config.vlans[vlan], directions, Rate(rate), within)
            else:
                had = self._overrides.remove_limit(config, vlan, directions)
                code = EventCode.LIMIT_REMOVED if had else EventCode.LIMIT_ABSENT
                said = message(code, vlan=vlan)
            loop.request_resync()
            await loop.run_once()
        await self._log_and_save("limit", said, subject=vlan)
        limit = self._overrides.limits.status(vlan)
        return {"said": str(said), "message": said.as_json(), "limit": limit}

    async def expire_limits(self) -> None:
        """End the limits whose time is over, and wake the loop, which changes the kernel."""
        limits = self._overrides.limits
        over = limits.remove_expired()
        for vlan in over:
            said = message(EventCode.LIMIT_EXPIRED, vlan=vlan)
            await self._log_and_save("limit", said, subject=vlan)
        if limits.remove_released() or over:
            self._loop.request_resync()


def _parse_directions(request: Document) -> tuple[str, ...]:
    directions = request.get("directions", list(LIMIT_DIRECTIONS))
    if (
        not isinstance(directions, list)
        or not directions
        or not all(each in LIMIT_DIRECTIONS for each in directions)
    ):
        raise UsageError('"directions" is a list of "upload" and "download".')
    return tuple(each for each in LIMIT_DIRECTIONS if each in directions)
