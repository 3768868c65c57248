"""Two senses beside probes and announcements: asking for carriers, and whether clients get replies.

Each is a part of its own, which `parts.keep` starts again when it fails.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from lbrouter.daemon.health.reply_monitor import REPLY_CHECK_INTERVAL_S, ReplyMonitor
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.kernel.read.carrier_poll import CarrierPoller
from lbrouter.model.config import Config
from lbrouter.model.events import CarrierChanged


class PassiveMonitors:
    """They tell the mind of `loop`, whichever counts now; `broke` hears of lost carriers."""

    def __init__(self, loop: ReconcileLoop, *, on_carrier_lost: Callable[[str], None]) -> None:
        self._loop = loop
        self._on_carrier_lost = on_carrier_lost
        self._numbers: Mapping[str, int] = {}
        asked = asyncio.get_running_loop()
        self._carrier_watch = CarrierPoller(
            lambda gone: asked.call_soon_threadsafe(self._carrier_lost, gone)
        )

    def configure(self, config: Config, numbers: Mapping[str, int]) -> None:
        """The uplinks of `config` from now on; `numbers` as allocated, by name."""
        self._numbers = numbers
        uplinks = config.uplinks.values()
        self._carrier_watch.interfaces = tuple(uplink.interface for uplink in uplinks)

    async def poll_carriers(self) -> None:
        """For ever, in a thread."""
        try:
            await asyncio.to_thread(self._carrier_watch.run)
        finally:
            self._carrier_watch.stop()

    async def monitor_replies(self) -> None:
        """For ever."""
        witness = ReplyMonitor()
        while True:
            await asyncio.sleep(REPLY_CHECK_INTERVAL_S)
            mind = self._loop.tracker
            for event in witness.check(mind.state, self._numbers):
                mind.put(event)

    def _carrier_lost(self, interface: str) -> None:
        mind = self._loop.tracker
        for name, uplink in mind.config.uplinks.items():
            if uplink.interface == interface and mind.state.uplinks[name].carrier:
                mind.put(CarrierChanged(at=time.monotonic(), uplink=name, up=False))
                self._on_carrier_lost(interface)
