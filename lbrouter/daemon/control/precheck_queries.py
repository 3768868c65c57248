"""Gathers what `precheck` judges: for the socket, and for the command where no daemon runs."""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from lbrouter.compile.diagnosis.precheck import PrecheckDocument, precheck_document
from lbrouter.compile.diagnosis.precheck_facts import DoctorFinding, PrecheckFacts
from lbrouter.compile.diagnosis.precheck_items import A_DAY
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.services.dnsmasq_leases import pool_usage
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.check_results import CheckResultStore
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.daemon.events.history import recent_events
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.kernel.doctor import DiagnosisLevel, run_diagnostics
from lbrouter.kernel.read.clock_sync import clock_synchronised
from lbrouter.model.timeline import TimelineEvent

MAX_PRECHECK_EVENTS: Final = 5000
"""Of the last day; a line that flaps all day writes no more."""


async def gather_precheck(
    file: ConfigFile, status: Status, applier: Applier, blocked: Sequence[str]
) -> PrecheckDocument:
    """The document for `file` and its `status`."""
    state_dir = applier.store.directory
    results = CheckResultStore(state_dir, applier.store.report_damage).load()
    found = await run_diagnostics(file.config)
    now = int(time.time())
    facts = PrecheckFacts(
        now=utc_timestamp(precision="seconds"),
        config=file.config,
        status=status,
        warnings=file.warnings,
        doctor=[
            DoctorFinding(
                subject=each.subject,
                found=each.found,
                fatal=each.level is DiagnosisLevel.FAIL,
            )
            for each in found
            if each.level is not DiagnosisLevel.OK
        ],
        pools=pool_usage(file.config, applier.dnsmasq.current_leases(), now=now),
        clock_synchronised=clock_synchronised(),
        events=await in_disk_thread(_events_of_the_day, applier),
        measurements=results.measurements,
        rehearsal=results.rehearsal,
        blocked=blocked,
    )
    return precheck_document(facts)


def _events_of_the_day(applier: Applier) -> list[TimelineEvent]:
    since = (datetime.now(UTC) - A_DAY).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with suppress(sqlite3.Error, OSError):
        found = recent_events(applier.store.directory, limit=MAX_PRECHECK_EVENTS, since=since)
        return [event.as_json() for event in found]
    return []


class PrecheckQueries:
    """Answers the verb `precheck`."""

    def __init__(
        self,
        applier: Applier,
        file: Callable[[], ConfigFile],
        status: Callable[[Document], Awaitable[Status]],
        blocked: Callable[[], frozenset[str]],
    ) -> None:
        self._applier, self._file = applier, file
        self._status, self._blocked = status, blocked
        self.verbs: Mapping[str, Callable[[Document], Awaitable[Any]]] = {
            "precheck": self._precheck
        }

    async def _precheck(self, _request: Document) -> PrecheckDocument:
        status = await self._status({"verb": "status"})
        blocked = sorted(self._blocked())
        return await gather_precheck(self._file(), status, self._applier, blocked)
