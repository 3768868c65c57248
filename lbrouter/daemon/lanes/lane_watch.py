"""`LaneWatch`: handshakes, the relay's name, and why a relay is silent, as long as the daemon runs.

It changes nothing by itself: what is new becomes a fact at the reconcile that it asks for.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lbrouter.compile.relay.cloud_init import closed_port
from lbrouter.compile.relay.silence_reasons import silence_cause, silence_reason
from lbrouter.compile.report.lane_status import second_line_warning
from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.lanes.relay_addresses import RelayAddresses
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.probe.dns import RecordType
from lbrouter.kernel.probe.relay import RelayAnswers, ask_relay
from lbrouter.kernel.probe.resolver import NameResolver, system_resolvers
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.lane import HANDSHAKE_EXPIRES_S
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message
from lbrouter.services import lane_keys

LANE_CHECK_INTERVAL_S: Final = 0.5
DIAGNOSIS_INTERVAL_S: Final = 5.0
CLOCK_TOLERANCE_S: Final = 3600.0
"""The clock is wrong when it is this much before the day on which the keys were made."""

SILENT_STATES: Final = frozenset({UplinkState.DOWN, UplinkState.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneInputs:
    """What the watch looks at: the file, and the last state that was applied."""

    config: Config
    allocation: Allocation
    facts: Facts
    health: GatewayHealth


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
        self._request_resync, self._state_dir = request_resync, state_dir
        self._addresses = RelayAddresses(state_dir)
        self._resolvers: dict[tuple[str, int, str], NameResolver] = {}
        self._diagnosed_at: dict[str, float] = {}
        self._alone: dict[str, Message | None] = {}
        self.reasons: dict[str, Message] = {}
        """By lane, why its relay is silent; only while it is."""

    async def run(self) -> None:
        """Check for ever."""
        try:
            while True:
                found = self._inputs()
                for lane in () if found is None else found.config.lanes():
                    assert found is not None
                    await self._check(lane, found)
                await asyncio.sleep(LANE_CHECK_INTERVAL_S)
        finally:
            for resolver in self._resolvers.values():
                resolver.close()
            self._resolvers.clear()

    async def _check(self, lane: Uplink, now: LaneInputs) -> None:
        self._resolve(lane, now)
        await self._check_handshake(lane, now)
        self._report_second_line(lane, now)
        known = now.health.uplinks[lane.name]
        silent = known.state in SILENT_STATES and not known.alive
        if not silent or lane.name not in now.facts.lanes:
            self.reasons.pop(lane.name, None)
            self._diagnosed_at.pop(lane.name, None)
            return
        # A handshake has its time first: it takes a second or two.
        begun = self._diagnosed_at.setdefault(lane.name, time.monotonic())
        if time.monotonic() - begun > DIAGNOSIS_INTERVAL_S:
            self._diagnosed_at[lane.name] = time.monotonic()
            self.reasons[lane.name] = await self._diagnose(lane, now)

    async def _check_handshake(self, lane: Uplink, now: LaneInputs) -> None:
        """Ask for a reconcile when both ends know each other, or do so no longer."""
        known, device = now.facts.lanes.get(lane.name), now.facts.interfaces.get(lane.device)
        if known is None or device is None or not device.ours:
            return
        counted = await self._kernel().peer_readings(lane.device, device.kind)
        moment = None if counted is None else counted.last_handshake_at
        connected = moment is not None and time.time() - moment < HANDSHAKE_EXPIRES_S
        if connected != known.connected:
            self._request_resync()

    def _resolve(self, lane: Uplink, now: LaneInputs) -> None:
        """Ask for the relay's name by every line; the last address stays until there is another."""
        if lane.relay is None or lane.relay.address is not None:
            return
        answers = [
            self._resolver(name, now).look_up(lane.relay.host)
            for name in lane.over
            if has_nexthop(now.config.uplinks[name], AddressFamily.V4, now.facts)
        ]
        new = next((each for each in answers if isinstance(each, IPv4Address)), None)
        if new is not None and new != self._addresses.load(lane):
            self._addresses.save(lane, new)
            said = message(LaneCode.RELAY_ADDRESS, host=lane.relay.host, address=str(new))
            self._journal.log("lane", said, subject=lane.name)
            self._request_resync()

    def _resolver(self, name: str, now: LaneInputs) -> NameResolver:
        uplink, number = now.config.uplinks[name], now.allocation.uplinks[name]
        servers = now.config.gateway.dns or system_resolvers()
        key = (uplink.device, number, str(servers))
        if key not in self._resolvers:
            binding = UplinkBinding(interface=uplink.device, number=number)
            self._resolvers[key] = NameResolver(binding, servers, RecordType.A)
        return self._resolvers[key]

    def _report_second_line(self, lane: Uplink, now: LaneInputs) -> None:
        """Say once that one line alone is left, and once that there are two again."""
        alone = second_line_warning(now.config, lane, now.health, now.facts)
        before = self._alone.get(lane.name)
        self._alone[lane.name] = alone
        if alone != before:
            said = alone or message(LaneCode.NOT_ALONE, lane=lane.name)
            self._journal.log("lane", said, subject=lane.name)

    async def _diagnose(self, lane: Uplink, now: LaneInputs) -> Message:
        """Why the relay is silent, from what its machine answers by each line."""
        known = now.facts.lanes[lane.name]
        assert lane.relay is not None
        port = closed_port(lane.relay.port)
        bindings = [
            UplinkBinding(
                interface=now.config.uplinks[name].device, number=now.allocation.uplinks[name]
            )
            for name in lane.over
            if has_nexthop(now.config.uplinks[name], AddressFamily.V4, now.facts)
        ]
        answers: list[RelayAnswers] = await asyncio.gather(
            *(ask_relay(each, known.relay_address, port) for each in bindings)
        )
        cause = silence_cause(
            clock_is_wrong=self._is_clock_wrong(lane),
            echo=any(each.echo for each in answers),
            udp=any(each.udp for each in answers),
            asked_by_a_line=bool(bindings),
        )
        today = time.strftime("%Y-%m-%d", time.gmtime())
        return silence_reason(cause, lane, str(known.relay_address), today)

    def _is_clock_wrong(self, lane: Uplink) -> bool:
        """Whether the clock is before the day on which the keys were made."""
        file = lane_keys.gateway_key_file(lane, self._state_dir)
        try:
            return time.time() < file.stat().st_mtime - CLOCK_TOLERANCE_S
        except OSError:
            return False
