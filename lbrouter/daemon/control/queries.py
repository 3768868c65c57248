"""The queries of the control socket: status, timeline, and both each second for a screen."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypedDict

from lbrouter.compile.report.clock import zone_key
from lbrouter.compile.report.incidents import current_incidents, summarise_incidents
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.confirm.commit_confirm import differs, is_rejected
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.daemon.control import status_report
from lbrouter.daemon.control_socket.protocol import Document, int_field, string_field
from lbrouter.daemon.daemon_state import DaemonState
from lbrouter.daemon.dhcp.advertisement_listener import AdvertisementListener
from lbrouter.daemon.dhcp.pool_watch import LanDhcpWatch
from lbrouter.daemon.events.history import LogEvent, recent_events
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.daemon.lanes.lane_watch import LaneFindings
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.daemon.metrics.bound_watch import BoundWatch
from lbrouter.daemon.metrics.last_minute import UplinkSecond
from lbrouter.daemon.metrics.recorder import TrafficRecorder
from lbrouter.daemon.overrides.temporary_limits import LimitTable
from lbrouter.daemon.reconcile.new_flows import NewFlowWindow
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.timeline import IncidentSummary, TimelineEvent
from lbrouter.services.dnsmasq import Dnsmasq
from lbrouter.services.dnsmasq_status import dnsmasq_status

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
        state: Callable[[], DaemonState],
        traffic: TrafficRecorder,
        dhcp_watch: LanDhcpWatch,
        advertisements: AdvertisementListener,
        lanes: LaneFindings,
        *,
        bounds: BoundWatch,
        journal: Journal,
        limits: LimitTable,
        new_flows: NewFlowWindow,
        pending: PendingCommitStore,
        store: StateStore,
        write_lock: asyncio.Lock,
        config_path: Path,
        dnsmasq: Dnsmasq,
    ) -> None:
        """`state` is what the reconcile loop publishes; `write_lock` is held while it changes."""
        self._state, self._write_lock = state, write_lock
        self._journal, self._store = journal, store
        self._limits, self._new_flows, self._pending = limits, new_flows, pending
        self._lanes, self._bounds = lanes, bounds
        self._dhcp_watch, self._advertisements = dhcp_watch, advertisements
        self._config_path = config_path
        self._dnsmasq = dnsmasq
        self._sampler, self._last_minute = traffic.sampler, traffic.last_minute
        self._streams: dict[str, Callable[[], AsyncGenerator[Any, None]]] = {
            "follow": self._follow,
            "watch": self._watch,
        }
        self.verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            "ping": self._ping,
            "status": self._status_with_services,
            "events": self._events,
        }

    def stream(self, request: Document) -> AsyncGenerator[Any, None]:
        """Results one after the other: the verbs of `protocol.STREAM_VERBS`."""
        return self._streams[request["verb"]]()

    async def _ping(self, _request: Document) -> Any:
        config = self._state().file.config
        return {"gateway": config.gateway.name, "timezone": zone_key(config.gateway.timezone)}

    async def _status_with_services(self, request: Document) -> Status:
        document, config = await self._status(request), self._state().file.config
        server = await asyncio.to_thread(dnsmasq_status, self._dnsmasq, config)
        document["services"] = {"dnsmasq": server}
        return document

    async def _status(self, _request: Document) -> Status:
        measured = await self._sampler.measurements()
        applied = await self._settled_state()
        document = status_report.daemon_status(
            applied,
            self._state(),
            measured,
            new_flows=self._new_flows.counts(),
            limits=self._limits,
            rogue_servers=self._dhcp_watch.rogue_servers,
            bounds=self._bounds,
            rogue_routers=self._advertisements.rogue_routers,
            pending_s=self._pending.remaining_s(),
            lanes=self._lanes,
        )
        document["rejected_file"] = is_rejected(self._config_path, self._pending)
        document["unapplied_file"] = differs(self._config_path, applied.file)
        return document

    async def _settled_state(self) -> AppliedState:
        """The applied state, of the file that the health belongs to.

        While another file is applied, or the one before is put back, both are not yet the same:
        then wait for the end of that. Raises NotAppliedError where it takes long.
        """
        if (found := self._state().in_force) is not None:
            return found
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S), self._write_lock:
                found = self._state().in_force or self._state_of_refused_file()
                if found is not None:
                    return found
        raise NotAppliedError("The kernel is being changed.", remedy="Ask again in a second.")

    def _state_of_refused_file(self) -> AppliedState | None:
        """What stands, described by the file that the kernel refused when the daemon began."""
        state = self._state()
        applied = state.applied
        if applied is None:
            return None
        numbers = allocate(state.file.config, self._store.load_allocation())
        return replace(
            applied,
            file=state.file,
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
        known = self._journal.recent(limit, since=since, incident=incident)
        if len(known) == limit or not (since or incident is not None):
            return known
        try:
            found = await in_disk_thread(
                recent_events, self._store.directory, limit=limit, since=since, incident=incident
            )
        except (sqlite3.Error, OSError):
            return known
        return found if len(found) >= len(known) else known

    async def _follow(self) -> AsyncGenerator[TimelineEvent, None]:
        """Events as they come."""
        async for entry in self._journal.follow():
            yield entry.as_json()

    async def _watch(self) -> AsyncGenerator[WatchDocument, None]:
        """A document now, and one each second."""
        while True:
            yield await self._watch_document()
            await asyncio.sleep(WATCH_DOCUMENT_INTERVAL_S)

    async def _watch_document(self) -> WatchDocument:
        events = [entry.as_json() for entry in self._journal.recent(MAX_EVENTS_PER_REQUEST)]
        repairs = [event for event in events[-REPAIR_COUNT_EVENTS:] if event["kind"] == "repair"]
        return {
            "at": utc_timestamp(),
            "status": await self._status({}),
            "minute": self._last_minute.as_json(),
            "stories": current_incidents(summarise_incidents(events)),
            "repair": repairs[-1] if repairs else None,
            "repairs": len(repairs),
        }
