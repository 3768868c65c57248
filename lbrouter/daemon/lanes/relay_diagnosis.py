"""`RelayDiagnosis`: why a relay is silent, from what its machine answers, and from the clock."""

import asyncio
import time
from pathlib import Path
from typing import Final

from lbrouter.compile.relay.cloud_init import closed_port
from lbrouter.compile.relay.silence_reasons import (
    ClockComparison,
    silence_cause,
    silence_reason,
)
from lbrouter.daemon.lanes.applied_lanes import LaneInputs
from lbrouter.daemon.lanes.last_handshakes import LastHandshakes
from lbrouter.kernel.probe.relay import RelayAnswers, ask_relay
from lbrouter.model.config import Uplink
from lbrouter.model.messages.message import Message
from lbrouter.services import lane_keys

KEY_FILE_TOLERANCE_S: Final = 3600.0
"""The clock is wrong when it is this much before the making of the keys."""


class RelayDiagnosis:
    """Asks the machine of a relay by every line. `state_dir` holds the keys."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._handshakes = LastHandshakes(state_dir)

    async def diagnose(self, lane: Uplink, now: LaneInputs, *, name_resolves: bool) -> Message:
        """The most likely cause; takes up to two seconds."""
        known = now.facts.lanes[lane.name]
        assert lane.relay is not None
        port = closed_port(lane.relay.port)
        bindings = [binding for _, binding in now.bindings(lane)]
        answers: list[RelayAnswers] = await asyncio.gather(
            *(ask_relay(each, known.relay_address, port) for each in bindings)
        )
        clock = self._compare_clock(lane)
        cause = silence_cause(
            clock_is_wrong=bool(clock.later),
            echo=any(each.echo for each in answers),
            udp=any(each.udp for each in answers),
            asked_by_a_line=bool(bindings),
            name_resolves=name_resolves,
        )
        return silence_reason(cause, lane, str(known.relay_address), clock)

    def _compare_clock(self, lane: Uplink) -> ClockComparison:
        """Whether the clock is before the last handshake, or before the keys were made."""
        now = time.time()
        file = lane_keys.gateway_key_file(lane, self._state_dir)
        try:
            keys_made_at = file.stat().st_mtime - KEY_FILE_TOLERANCE_S
        except OSError:
            keys_made_at = 0.0
        signs = [self._handshakes.load(lane) or 0.0, keys_made_at]
        later = max(signs)
        said = _date(later) if later > now else ""
        return ClockComparison(now=_date(now), later=said)


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))
