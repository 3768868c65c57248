"""What the daemon shows: its status, its timeline, and both together for a screen, each second."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, TypedDict

from lbrouter.compile.report.incidents import current, stories
from lbrouter.compile.report.status import Status
from lbrouter.daemon.control import status_report
from lbrouter.daemon.control.protocol import Document, number, words
from lbrouter.daemon.dhcp.pool_watch import Leasing
from lbrouter.daemon.events.history import Entry, moment, recent
from lbrouter.daemon.metrics.last_minute import Minute, Second
from lbrouter.daemon.metrics.traffic import Sampler
from lbrouter.daemon.reconcile.loop import Loop
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.timeline import Happening, Story

MOST_EVENTS: Final = 1000
USUAL_EVENTS: Final = 50

LOOK_S: Final = 1.0
"""Between two documents of `watch`."""

REPAIRS_SHOWN: Final = 100
"""Of the last events: repairs among them are counted."""


class Screen(TypedDict):
    """What `lbrouter status --watch` draws: a document each second.

    `stories` are the incidents that are not over (newest first, three at most), or else the
    last one; `repair` is the last repair among the newest events, `repairs` how many there are.
    """

    at: str
    status: Status
    minute: dict[str, list[Second]]
    stories: list[Story]
    repair: Happening | None
    repairs: int


class View:
    """All that may be asked without changing anything."""

    def __init__(self, loop: Loop, sampler: Sampler, minute: Minute, leasing: Leasing) -> None:
        self._loop = loop
        self._leasing = leasing
        self._sampler = sampler
        self._minute = minute
        self._streams: dict[str, Callable[[], AsyncGenerator[Any, None]]] = {
            "follow": self._follow,
            "watch": self._watch,
        }
        self.verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            "ping": self._ping,
            "status": self._status,
            "events": self._events,
        }

    def stream(self, asked: Document) -> AsyncGenerator[Any, None]:
        """Results one after the other: the verbs of `protocol.STREAMS`."""
        return self._streams[asked["verb"]]()

    async def _ping(self, _asked: Document) -> Any:
        return {"gateway": self._loop.file.config.gateway.name}

    async def _status(self, _asked: Document) -> Status:
        held = self._loop.rounds.last
        if held is None:
            raise NotAppliedError("The kernel is being changed.", remedy="Ask again in a second.")
        measured = await self._sampler.measured()
        pending_s = self._loop.trial.waiting.left()
        return status_report.status(
            held,
            self._loop.mind,
            measured,
            limits=self._loop.wishes.limits,
            others=self._leasing.found,
            pending_s=pending_s,
        )

    async def _events(self, asked: Document) -> Any:
        limit = min(number(asked, "limit", default=USUAL_EVENTS), MOST_EVENTS)
        since = words(asked, "since", default="")
        incident = words(asked, "incident", default="") if "incident" in asked else None
        found = await self._past(limit, since=since, incident=incident)
        return {"events": [entry.as_json() for entry in found]}

    async def _past(self, limit: int, *, since: str, incident: str | None) -> list[Entry]:
        """From memory where it reaches back far enough; else from the disk, where that can be read.

        What the memory lacks was written long ago; what the disk lacks yet is a second old.
        """
        known = self._loop.journal.recent(limit, since=since, incident=incident)
        if len(known) == limit or not (since or incident is not None):
            return known
        directory = self._loop.machine.store.directory
        try:
            found = await asyncio.to_thread(
                recent, directory, limit=limit, since=since, incident=incident
            )
        except (sqlite3.Error, OSError):
            return known
        return found if len(found) >= len(known) else known

    async def _follow(self) -> AsyncGenerator[Happening, None]:
        """Events as they come."""
        async for entry in self._loop.journal.follow():
            yield entry.as_json()

    async def _watch(self) -> AsyncGenerator[Screen, None]:
        """A document now, and one each second."""
        while True:
            yield await self._screen()
            await asyncio.sleep(LOOK_S)

    async def _screen(self) -> Screen:
        events = [entry.as_json() for entry in self._loop.journal.recent(MOST_EVENTS)]
        repairs = [event for event in events[-REPAIRS_SHOWN:] if event["kind"] == "repair"]
        return {
            "at": moment(),
            "status": await self._status({}),
            "minute": self._minute.as_json(),
            "stories": current(stories(events)),
            "repair": repairs[-1] if repairs else None,
            "repairs": len(repairs),
        }
