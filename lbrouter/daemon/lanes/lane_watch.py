"""`LaneWatch`: handshakes, the relay's name, and why a relay is silent, as long as the daemon runs.

It changes nothing by itself: what is new becomes a fact at the reconcile that it asks for.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lbrouter.compile.report.lane_copies_seen import CopySamples
from lbrouter.compile.report.lane_status import second_line_warning
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.lanes.applied_lanes import LaneInputs
from lbrouter.daemon.lanes.copy_monitor import CopyMonitor, LaneLine
from lbrouter.daemon.lanes.last_handshakes import LastHandshakes
from lbrouter.daemon.lanes.relay_diagnosis import RelayDiagnosis
from lbrouter.daemon.lanes.relay_names import RelayNames
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.config import Uplink
from lbrouter.model.health import UplinkState
from lbrouter.model.lane import HANDSHAKE_EXPIRES_S
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message

LANE_CHECK_INTERVAL_S: Final = 0.5
DIAGNOSIS_INTERVAL_S: Final = 5.0

SILENT_STATES: Final = frozenset({UplinkState.DOWN, UplinkState.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFindings:
    """What only the watch knows, for `status`: both grow and shrink while it runs."""

    reasons: dict[str, Message] = field(default_factory=dict)
    """By lane, what is wrong with its relay; only while something is."""
    copies: Mapping[LaneLine, CopySamples] = field(default_factory=dict)


class LaneWatch:
    """One for the daemon. `inputs` gives None while nothing is applied yet."""

    def __init__(
        self,
        inputs: Callable[[], LaneInputs | None],
        kernel: Callable[[], LinuxKernel],
        journal: Journal,
        request_resync: Callable[[], None],
        state_dir: Path,
    ) -> None:
        self._inputs, self._kernel, self._journal = inputs, kernel, journal
        self._request_resync = request_resync
        self._names = RelayNames(journal, request_resync, state_dir)
        self._handshakes = LastHandshakes(state_dir)
        self._diagnosis = RelayDiagnosis(state_dir)
        self._diagnosed_at: dict[str, float] = {}
        self._alone: dict[str, Message | None] = {}
        self._copies = CopyMonitor()
        self.findings = LaneFindings(copies=self._copies.samples)

    async def run(self) -> None:
        """Check for ever."""
        try:
            while True:
                found = self._inputs()
                for lane in () if found is None else found.config.lanes():
                    assert found is not None
                    self._names.check(lane, found)
                    await self._check_handshake(lane, found)
                    self._report_second_line(lane, found)
                    self._set_reason(lane, await self._reason(lane, found))
                if found is not None:
                    self._copies.check(found)
                await asyncio.sleep(LANE_CHECK_INTERVAL_S)
        finally:
            self._names.close()
            self._copies.close()

    async def _reason(self, lane: Uplink, now: LaneInputs) -> Message | None:
        """What is wrong with the relay; None where nothing is, or a handshake has its time."""
        facts, known = now.facts.lanes.get(lane.name), now.health.uplinks[lane.name]
        if facts is None:
            return None
        name = self._names.trouble(lane, facts.relay_address)
        if known.alive or known.state not in SILENT_STATES:
            self._diagnosed_at.pop(lane.name, None)
            return name
        begun = self._diagnosed_at.setdefault(lane.name, time.monotonic())
        if time.monotonic() - begun <= DIAGNOSIS_INTERVAL_S:
            return self.findings.reasons.get(lane.name)
        self._diagnosed_at[lane.name] = time.monotonic()
        return await self._diagnosis.diagnose(lane, now, name_resolves=name is None)

    def _set_reason(self, lane: Uplink, reason: Message | None) -> None:
        """Keep it for `status`, and write another one down."""
        before = self.findings.reasons.pop(lane.name, None)
        if reason is None:
            return
        self.findings.reasons[lane.name] = reason
        if before is None or before.code is not reason.code:
            self._journal.log("lane", reason, subject=lane.name)

    async def _check_handshake(self, lane: Uplink, now: LaneInputs) -> None:
        """Ask for a reconcile when both ends know each other, or do so no longer."""
        known, device = now.facts.lanes.get(lane.name), now.facts.interfaces.get(lane.device)
        if known is None or device is None or not device.ours:
            return
        counted = await self._kernel().peer_readings(lane.device, device.kind)
        moment = None if counted is None else counted.last_handshake_at
        if moment is not None:
            self._handshakes.save(lane, moment)
        connected = moment is not None and time.time() - moment < HANDSHAKE_EXPIRES_S
        if connected != known.connected:
            self._request_resync()

    def _report_second_line(self, lane: Uplink, now: LaneInputs) -> None:
        """Say once that one line alone is left, and once that there are two again."""
        alone = second_line_warning(now.config, lane, now.health, now.facts)
        before = self._alone.get(lane.name)
        self._alone[lane.name] = alone
        if alone != before:
            said = alone or message(LaneCode.NOT_ALONE, lane=lane.name)
            self._journal.log("lane", said, subject=lane.name)
