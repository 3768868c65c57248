"""The commands of the control socket. One that applies or undoes a file holds the write lock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any

from lbrouter.compile.config.machine_fit import missing_uplink_interfaces
from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.routing.lan_links import missing_ports
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.confirm.apply_request import require_applicable
from lbrouter.daemon.confirm.commit_confirm import (
    BY_ITSELF,
    NOT_CONFIRMED_IN_TIME,
    ApplyOrder,
    CommitConfirm,
)
from lbrouter.daemon.control.change_recorder import recorded_changes
from lbrouter.daemon.control.documents import ChangeDocument, change_document
from lbrouter.daemon.control.login_command import LoginCommand
from lbrouter.daemon.control.override_commands import EXPIRY_CHECK_INTERVAL_S, OverrideCommands
from lbrouter.daemon.control.queries import QueryHandlers
from lbrouter.daemon.control_socket.protocol import (
    Document,
    int_field,
    operator_of,
    string_field,
)
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.waiting import waiting_overrides
from lbrouter.daemon.programs import ProgramSupervisor
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, UsageError
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageValue, message
from lbrouter.model.messages.operator import ITSELF, Operator
from lbrouter.model.messages.phrase import phrase, phrase_document
from lbrouter.model.units import Duration

VerbHandlers = Mapping[str, Callable[[Document], Awaitable[Any]]]
"""By verb, what answers its requests."""

ActivateConfig = Callable[[ConfigFile, HealthTracker], Awaitable[None]]


class CommandHandlers:
    """Answers requests.

    `activate` is called with each new file and its health tracker, after the apply; `stop` when the
    daemon has no work any more. `further` has handlers of other verbs.
    """

    def __init__(
        self,
        loop: ReconcileLoop,
        view: QueryHandlers,
        overrides: OverrideCommands,
        *,
        commit_confirm: CommitConfirm,
        programs: ProgramSupervisor,
        activate: ActivateConfig,
        stop: Callable[[], object],
        further: VerbHandlers,
    ) -> None:
        self._loop, self._commit_confirm = loop, commit_confirm
        self._pending = commit_confirm.pending
        self._programs, self._overrides = programs, overrides
        self._activate = activate
        self._stop = stop
        self._verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            **view.verbs,
            "apply": self._apply,
            "confirm": self._confirm,
            "rollback": self._rollback,
            **overrides.verbs,
            "login": LoginCommand(loop).login,
            **further,
        }

    @property
    def gateway_name(self) -> str:
        """The name of the gateway, by the file in force."""
        loop = self._loop
        return loop.config_file.config.gateway.name

    async def handle(self, request: Document) -> Any:
        """The result of a request. Raises LbrouterError."""
        verb = self._verbs.get(request["verb"])
        if verb is None:
            raise UsageError(
                phrase("There is no verb {verb}.", verb=repr(request["verb"])),
                remedy=phrase("Choose one of: {verbs}.", verbs=", ".join(self._verbs)),
            )
        return await verb(request)

    async def _apply(self, request: Document) -> Any:
        text = string_field(request, "config")
        source = string_field(request, "source", default="a file")
        file = parse_config(text.encode(), source=source)
        session = string_field(request, "session", default="")
        await require_applicable(self._loop.applier, file, session)
        within_ms = int_field(request, "confirm_within_ms", default=0)
        within = Duration(within_ms) if within_ms else None
        replaces = request.get("take_over", False) is True
        roots = ForeignQdiscPolicy.REPLACE if replaces else ForeignQdiscPolicy.REFUSE
        order = ApplyOrder(
            by=operator_of(request), undoes=string_field(request, "undoes", default="")
        )
        changes = await self.apply(file, within=within, foreign_qdiscs=roots, order=order)
        left, warnings = self._pending.remaining_s(), self.warnings(file)
        return {
            "changes": changes,
            "warnings": warnings,
            "warnings_data": [phrase_document(text) for text in warnings],
            "pending_confirm_s": None if left is None else ceil(left),
        }

    def warnings(self, file: ConfigFile) -> list[str]:
        """What a person who has `file` applied should know of it, as the machine is."""
        applied = self._loop.reconciler.applied
        waiting = waiting_overrides(self._loop.overrides, file.config)
        return [
            *file.warnings,
            *([] if applied is None else _missing_interfaces(file.config, applied.snapshot.facts)),
            *map(str, partially_supported(file.config)),
            *(phrase("{message}", message=each.message) for each in waiting.values()),
        ]

    async def apply(
        self,
        file: ConfigFile,
        *,
        within: Duration | None = None,
        foreign_qdiscs: ForeignQdiscPolicy = ForeignQdiscPolicy.REFUSE,
        wait_for_programs: bool = True,
        order: ApplyOrder = BY_ITSELF,
    ) -> list[ChangeDocument]:
        """Apply and activate `file`, then start its programs; returns the changes.

        A refusal is told in the timeline. The caller does not hold the write lock. Without
        `wait_for_programs` their supervisor starts them.
        """
        loop = self._loop
        try:
            async with loop.write_lock:
                changes = await self._apply_to_kernel(file, within, foreign_qdiscs, order)
        except LbrouterError as error:
            said = message(EventCode.APPLY_REFUSED, source=file.source, error=str(error))
            loop.journal.log("trouble", said, subject="apply", by=order.by.as_json())
            await loop.handle_refusal(error)
            raise
        values: dict[str, MessageValue] = {"source": file.source, "changes": len(changes)}
        said = Message(code=EventCode.APPLIED, values=values)
        if within is not None:
            values["within"] = str(within)
            said = Message(code=EventCode.APPLIED_ON_TRIAL, values=values)
        loop.journal.log("apply", said, by=order.by.as_json())
        if not wait_for_programs:
            return changes
        programs = await self._programs.apply(file.config)
        return [*changes, *map(change_document, programs.operations)]

    async def _apply_to_kernel(
        self,
        file: ConfigFile,
        within: Duration | None,
        foreign_qdiscs: ForeignQdiscPolicy,
        order: ApplyOrder,
    ) -> list[ChangeDocument]:
        loop, applier = self._loop, self._loop.applier
        tracker = self._tracker_for(file.config)
        snapshot = await applier.observe(file.config, health_source=tracker.evaluate_facts)
        snapshot = snapshot.with_foreign_qdisc_policy(file.config, foreign_qdiscs)
        with recorded_changes(loop.applier) as changes:
            planned = snapshot.planned(file)
            await self._commit_confirm.apply_to_kernel(planned, within=within, order=order)
        await self._adopt(file, tracker)
        return changes

    def _tracker_for(self, config: Config) -> HealthTracker:
        """A health tracker for another file.

        It knows what operators asked for, of lines too that the file before did not have.
        """
        tracker = self._loop.tracker.with_config(config)
        for event in self._loop.overrides.followed(config).events(config):
            tracker.put(event)
        return tracker

    async def use_again(self, file: ConfigFile) -> None:
        """Use this file, whose words are those in force. The caller holds the write lock."""
        await self._adopt(file, self._tracker_for(file.config))

    async def _adopt(self, file: ConfigFile, tracker: HealthTracker) -> None:
        """Use this file from now on: the kernel holds it."""
        before = self._loop.overrides
        await self._activate(file, tracker)
        if self._loop.overrides != before:
            await self._overrides.save()

    async def _confirm(self, request: Document) -> Any:
        async with self._loop.write_lock:
            kept = (await in_disk_thread(self._commit_confirm.confirm)).source
        said, by = message(EventCode.CONFIRMED, source=kept), operator_of(request)
        self._loop.journal.log("confirm", said, by=by.as_json())
        return {"kept": kept}

    async def _rollback(self, request: Document) -> Any:
        async with self._loop.write_lock:
            record = self._pending.read()
            if record is None or request.get("id", record.id) != record.id:
                return {"undone": "", "changes": []}
            by = operator_of(request)
            changes = await self.rollback(record.source, why="as asked", by=by)
        return {"undone": record.source, "changes": changes}

    async def expire_pending(self) -> None:
        """Undo a commit that was not confirmed in time; for ever."""
        while True:
            record = self._pending.read()
            if record is not None and not record.remaining_s(BootTime.now()):
                async with self._loop.write_lock:
                    if self._pending.read() == record:
                        await self.rollback(record.source, why=NOT_CONFIRMED_IN_TIME)
            await asyncio.sleep(EXPIRY_CHECK_INTERVAL_S)

    async def rollback(
        self, source: str, *, why: str, by: Operator = ITSELF
    ) -> list[ChangeDocument]:
        """Undo the pending commit; the caller holds the write lock.

        Where no file was applied before, nothing is left to do, and the daemon ends. The programs
        of the file that counts then are started by their supervisor, soon.
        """
        try:
            return await self._roll_back_kernel(source, why, by)
        except LbrouterError as error:
            await self._loop.handle_refusal(error)
            raise

    async def _roll_back_kernel(self, source: str, why: str, by: Operator) -> list[ChangeDocument]:
        loop, made = self._loop, list[HealthTracker]()

        def evaluate_health(config: Config, facts: Facts) -> GatewayHealth:
            made.append(self._tracker_for(config))
            return made[-1].evaluate_facts(config, facts)

        with recorded_changes(loop.applier) as changes:
            file = await self._commit_confirm.roll_back_kernel(
                health_source=evaluate_health, why=why
            )
        said = message(EventCode.ROLLED_BACK, source=source, why=why, changes=len(changes))
        loop.journal.log("rollback", said, by=by.as_json())
        if file is None:
            loop.halt()
            self._stop()
        else:
            await self._adopt(file, made[-1])
        return changes


def _missing_interfaces(config: Config, facts: Facts) -> list[str]:
    uplinks = missing_uplink_interfaces(config, facts.interfaces)
    ports = missing_ports(config, facts).values()
    return [*map(str, uplinks), *(phrase("{message}", message=port) for port in ports)]
