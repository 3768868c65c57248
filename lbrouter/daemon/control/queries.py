"""The queries of the control socket: status, timeline, and both each second for a screen."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypedDict

from lbrouter.compile.report.incidents import current_incidents, summarise_incidents
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.confirm.commit_confirm import differs, is_rejected
from lbrouter.daemon.control import status_report
from lbrouter.daemon.control_socket.protocol import Document, int_field, string_field
from lbrouter.daemon.dhcp.pool_watch import LanDhcpWatch
from lbrouter.daemon.events.history import LogEvent, recent_events, utc_timestamp
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.metrics.last_minute import LastMinute, UplinkSecond
from lbrouter.daemon.metrics.traffic import TrafficSampler
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.timeline import IncidentSummary, TimelineEvent

MAX_EVENTS_PER_REQUEST: Final = 1000
DEFAULT_EVENTS_PER_REQUEST: Final = 50

WATCH_DOCUMENT_INTERVAL_S: Final = 1.0
"""Between two documents of `watch`."""

SETTLE_TIMEOUT_S: Final = 4.0
"""An apply takes less; `lbrouter status` waits for five seconds."""

REPAIR_COUNT_EVENTS: Final = 100
"""Of the last events: repairs among them are counted."""


class WatchDocument(TypedDict):
    """What `lbrouter status --watch` draws: a document each second.

    `stories` are the incidents that are not over (newest first, three at most), or else the
    last one; `repair` is the last repair among the newest events, `repairs` how many there are.
    """

    at: str
    status: Status
    minute: dict[str, list[UplinkSecond]]
    stories: list[IncidentSummary]
    repair: TimelineEvent | None
    repairs: int


class QueryHandlers:
    """Answers the requests that change nothing."""

    def __init__(
        self,
        loop: ReconcileLoop,
        sampler: TrafficSampler,
        last_minute: LastMinute,
        dhcp_watch: LanDhcpWatch,
        lane_reasons: Mapping[str, str],
        *,
        config_path: Path,
    ) -> None:
        self._loop = loop
        self._lane_reasons = lane_reasons
        self._dhcp_watch = dhcp_watch
        self._config_path = config_path
        self._sampler = sampler
        self._last_minute = last_minute
        self._streams: dict[str, Callable[[], AsyncGenerator[Any, None]]] = {
            "follow": self._follow,
            "watch": self._watch,
        }
        self.verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            "ping": self._ping,
            "status": self._status,
            "events": self._events,
        }

    def stream(self, request: Document) -> AsyncGenerator[Any, None]:
        """Results one after the other: the verbs of `protocol.STREAM_VERBS`."""
        return self._streams[request["verb"]]()

    async def _ping(self, _request: Document) -> Any:
        return {"gateway": self._loop.config_file.config.gateway.name}

    async def _status(self, _request: Document) -> Status:
        measured = await self._sampler.measurements()
        applied = await self._settled_state()
        pending = self._loop.commit_confirm.pending
        document = status_report.daemon_status(
            applied,
            self._loop.tracker,
            measured,
            new_flows=self._loop.new_flows.counts(),
            limits=self._loop.overrides.limits,
            rogue_servers=self._dhcp_watch.rogue_servers,
            pending_s=pending.remaining_s(),
            lane_reasons=self._lane_reasons,
        )
        document["kernel"] = self._loop.verification.status
        document["rejected_file"] = is_rejected(self._config_path, pending)
        document["unapplied_file"] = differs(self._config_path, applied.file)
        return document

    async def _settled_state(self) -> AppliedState:
        """The applied state, of the file that the health belongs to.

        While another file is applied, or the one before is put back, both are not yet the same:
        then wait for the end of that. Raises NotAppliedError where it takes long.
        """
        loop = self._loop
        if (found := self._state_in_force()) is not None:
            return found
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S), loop.write_lock:
                found = self._state_in_force() or self._state_of_refused_file()
                if found is not None:
                    return found
        raise NotAppliedError("The kernel is being changed.", remedy="Ask again in a second.")

    def _state_in_force(self) -> AppliedState | None:
        applied = self._loop.reconciler.applied
        agrees = applied is not None and applied.file is self._loop.config_file
        return applied if agrees else None

    def _state_of_refused_file(self) -> AppliedState | None:
        """What stands, described by the file that the kernel refused when the daemon began."""
        loop, applied = self._loop, self._loop.reconciler.applied
        if applied is None:
            return None
        known = loop.applier.store.load_allocation()
        numbers = allocate(loop.config_file.config, known)
        return replace(
            applied,
            file=loop.config_file,
            snapshot=replace(applied.snapshot, allocation=numbers),
        )

    async def _events(self, request: Document) -> Any:
        limit = min(
            int_field(request, "limit", default=DEFAULT_EVENTS_PER_REQUEST), MAX_EVENTS_PER_REQUEST
        )
        since = string_field(request, "since", default="")
        incident = string_field(request, "incident", default="") if "incident" in request else None
        found = await self._load_events(limit, since=since, incident=incident)
        return {"events": [entry.as_json() for entry in found]}

    async def _load_events(self, limit: int, *, since: str, incident: str | None) -> list[LogEvent]:
        """From memory where it reaches back far enough; else from the disk, where that can be read.

        Events that memory no longer holds are on the disk; those not yet on the disk are a second
        old at most.
        """
        known = self._loop.journal.recent(limit, since=since, incident=incident)
        if len(known) == limit or not (since or incident is not None):
            return known
        directory = self._loop.applier.store.directory
        try:
            found = await in_disk_thread(
                recent_events, directory, limit=limit, since=since, incident=incident
            )
        except (sqlite3.Error, OSError):
            return known
        return found if len(found) >= len(known) else known

    async def _follow(self) -> AsyncGenerator[TimelineEvent, None]:
        """Events as they come."""
        async for entry in self._loop.journal.follow():
            yield entry.as_json()

    async def _watch(self) -> AsyncGenerator[WatchDocument, None]:
        """A document now, and one each second."""
        while True:
            yield await self._watch_document()
            await asyncio.sleep(WATCH_DOCUMENT_INTERVAL_S)

    async def _watch_document(self) -> WatchDocument:
        events = [entry.as_json() for entry in self._loop.journal.recent(MAX_EVENTS_PER_REQUEST)]
        repairs = [event for event in events[-REPAIR_COUNT_EVENTS:] if event["kind"] == "repair"]
        return {
            "at": utc_timestamp(),
            "status": await self._status({}),
            "minute": self._last_minute.as_json(),
            "stories": current_incidents(summarise_incidents(events)),
            "repair": repairs[-1] if repairs else None,
            "repairs": len(repairs),
        }
