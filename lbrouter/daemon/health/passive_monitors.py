"""Monitors of uplinks beside probes: carriers, replies to clients, next hops of dead lines.

Each is a task of its own, which the supervisor starts again when it fails.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from lbrouter.daemon.health.nexthop_monitor import NexthopMonitor
from lbrouter.daemon.health.reply_monitor import REPLY_CHECK_INTERVAL_S, ReplyMonitor
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.slow_work import in_carrier_thread
from lbrouter.kernel.read.carrier_poll import CarrierPoller
from lbrouter.model.config import Config
from lbrouter.model.events import CarrierChanged
from lbrouter.model.facts import Facts


class PassiveMonitors:
    """They send events to the active health tracker; `on_carrier_lost` gets the interface.

    `facts` are those of the last reconcile, None before the first.
    """

    def __init__(
        self,
        tracker: Callable[[], HealthTracker],
        facts: Callable[[], Facts | None],
        *,
        on_carrier_lost: Callable[[str], None],
    ) -> None:
        self._tracker, self._facts = tracker, facts
        self._on_carrier_lost = on_carrier_lost
        self._numbers: Mapping[str, int] = {}
        running = asyncio.get_running_loop()
        self._carrier_watch = CarrierPoller(
            lambda gone: running.call_soon_threadsafe(self._carrier_lost, gone)
        )

    def configure(self, config: Config, numbers: Mapping[str, int]) -> None:
        """The uplinks of `config` from now on; `numbers` as allocated, by name."""
        self._numbers = numbers
        uplinks = config.uplinks.values()
        self._carrier_watch.watch(uplink.interface for uplink in uplinks if not uplink.is_lane)

    async def poll_carriers(self) -> None:
        """Poll for ever, in a thread."""
        try:
            await in_carrier_thread(self._carrier_watch.run)
        finally:
            self._carrier_watch.stop()

    async def monitor_replies(self) -> None:
        """Check for ever."""
        replies, nexthops = ReplyMonitor(), NexthopMonitor()
        while True:
            await asyncio.sleep(REPLY_CHECK_INTERVAL_S)
            tracker = self._tracker()
            for event in replies.check(tracker.state, self._numbers):
                tracker.put(event)
            for seen in nexthops.check(tracker.state, self._facts() or Facts()):
                tracker.put(seen)

    def _carrier_lost(self, interface: str) -> None:
        tracker = self._tracker()
        for name, uplink in tracker.config.uplinks.items():
            if uplink.interface == interface and tracker.state.uplinks[name].carrier:
                tracker.put(CarrierChanged(at=time.monotonic(), uplink=name, up=False))
                self._on_carrier_lost(interface)
