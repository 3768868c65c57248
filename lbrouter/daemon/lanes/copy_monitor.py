"""`CopyMonitor`: loss, delay and drops of a lane's copies, line by line.

Each second an echo request goes to the relay's own address by each line, in the HTB class of the
copies: it waits where they wait. What the queue of that class dropped is read from the kernel.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from socket import if_nametoindex
from typing import Final

from lbrouter.compile.report.lane_copies_seen import CopySamples, QueueCounters
from lbrouter.compile.routing.lane_lines import carrying_lines
from lbrouter.compile.shaping.lane_classes import copy_class
from lbrouter.daemon.lanes.applied_lanes import LaneInputs
from lbrouter.kernel.netlink.raw_dump import leaf_counters
from lbrouter.kernel.probe import icmp
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.probe.icmp_socket import IcmpEchoSocket
from lbrouter.model.config import Uplink
from lbrouter.model.events import ProbeFailure

ECHO_INTERVAL_S: Final = 1.0
ECHO_TIMEOUT_S: Final = 2.0

LaneLine = tuple[str, str]
"""The names of a lane and of one of its lines."""


class CopyMonitor:
    """`samples` grows while `check` is called; a line that cannot be asked has none."""

    def __init__(self) -> None:
        self.samples: dict[LaneLine, CopySamples] = {}
        self._sockets: dict[LaneLine, tuple[UplinkBinding, IcmpEchoSocket]] = {}
        self._asked_at = float("-inf")
        self._answering: set[tuple[str, str]] = set()

    def close(self) -> None:
        """Stop asking."""
        for _, opened in self._sockets.values():
            opened.close()
        self._sockets.clear()

    def check(self, now: LaneInputs) -> None:
        """Ask each line of each lane, once a second."""
        moment = asyncio.get_running_loop().time()
        if moment - self._asked_at < ECHO_INTERVAL_S:
            return
        self._asked_at = moment
        asked = {key: binding for lane in now.config.lanes() for key, binding in _asked(lane, now)}
        for key in set(self.samples) - set(asked):
            del self.samples[key]
        counters = leaf_counters()
        for key, binding in asked.items():
            lane, line = now.config.uplinks[key[0]], key[1]
            known = self.samples.get(key, CopySamples())
            self.samples[key] = known.with_counters(_counters(lane, line, now, counters))
            address = now.facts.lanes[lane.name].relay_address
            echo = _CopyEcho(self, key, (lane.name, str(address)))
            try:
                echo.sent(self._socket(key, lane, binding, now).send(address, echo))
            except OSError:
                echo.report_lost(ProbeFailure.NO_ANSWER)

    def _socket(
        self, key: LaneLine, lane: Uplink, binding: UplinkBinding, now: LaneInputs
    ) -> IcmpEchoSocket:
        number = copy_class(now.config, now.allocation, lane, key[1])
        wanted = replace(binding, priority=0 if number is None else number[0] << 16 | number[1])
        known = self._sockets.get(key)
        if known is not None and known[0] == wanted:
            return known[1]
        if known is not None:
            known[1].close()
        opened = IcmpEchoSocket(wanted, icmp.ICMP_V4)
        self._sockets[key] = (wanted, opened)
        return opened

    def note_echo(self, key: LaneLine, relay: tuple[str, str], rtt_s: float | None) -> None:
        """Count an echo, once the relay's machine is known to answer any."""
        if rtt_s is not None:
            self._answering.add(relay)
        if relay in self._answering and key in self.samples:
            self.samples[key] = self.samples[key].with_echo(rtt_s)


class _CopyEcho:
    """One echo request that is out; its first result counts."""

    def __init__(self, monitor: CopyMonitor, key: LaneLine, relay: tuple[str, str]) -> None:
        loop = asyncio.get_running_loop()
        self._monitor, self._key, self._relay = monitor, key, relay
        self.sent_at = loop.time()
        self._forget: Callable[[], object] = lambda: None
        self._timer = loop.call_later(ECHO_TIMEOUT_S, self._finish, None)
        self._done = False

    def sent(self, forget: Callable[[], object]) -> None:
        """The request is out; `forget` ends the wait of its socket."""
        self._forget = forget

    def report_answered(self, rtt_s: float, *, arrived_at: float | None = None) -> None:
        """The relay's machine answered."""
        del arrived_at
        self._finish(rtt_s)

    def report_lost(self, _reason: ProbeFailure, _detail: str = "", /) -> None:
        """No answer will come; why is the same to us."""
        self._finish(None)

    def _finish(self, rtt_s: float | None) -> None:
        if self._done:
            return
        self._done = True
        self._timer.cancel()
        self._forget()
        self._monitor.note_echo(self._key, self._relay, rtt_s)


def _asked(lane: Uplink, now: LaneInputs) -> Iterator[tuple[LaneLine, UplinkBinding]]:
    """Lines with a next hop. A metered one that carries nothing is spared this too."""
    if lane.name not in now.facts.lanes:
        return
    carrying = carrying_lines(now.config, lane, now.health, now.facts)
    for line, binding in now.bindings(lane):
        if line in carrying or not now.config.uplinks[line].metered:
            yield (lane.name, line), binding


def _counters(
    lane: Uplink, line: str, now: LaneInputs, found: Mapping[tuple[int, int], QueueCounters]
) -> QueueCounters | None:
    number = copy_class(now.config, now.allocation, lane, line)
    if number is None:
        return None
    try:
        index = if_nametoindex(now.config.uplinks[line].device)
    except OSError:
        return None
    return found.get((index, number[0] << 16 | number[1]))
