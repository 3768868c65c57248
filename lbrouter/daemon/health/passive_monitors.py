"""Two senses beside probes and announcements: asking for carriers, and whether clients get replies.

Each is a part of its own, which `parts.keep` starts again when it fails.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from lbrouter.daemon.health.reply_monitor import LOOK_EVERY_S, Witness
from lbrouter.daemon.reconcile.loop import Loop
from lbrouter.kernel.read.carrier_poll import CarrierWatch
from lbrouter.model.config import Config
from lbrouter.model.events import Carrier


class Senses:
    """They tell the mind of `loop`, whichever counts now; `broke` hears of lost carriers."""

    def __init__(self, loop: Loop, *, broke: Callable[[str], None]) -> None:
        self._loop = loop
        self._broke = broke
        self._numbers: Mapping[str, int] = {}
        asked = asyncio.get_running_loop()
        self._carriers = CarrierWatch(lambda gone: asked.call_soon_threadsafe(self._lost, gone))

    def follow(self, config: Config, numbers: Mapping[str, int]) -> None:
        """The uplinks of `config` from now on; `numbers` as allocated, by name."""
        self._numbers = numbers
        uplinks = config.uplinks.values()
        self._carriers.interfaces = tuple(uplink.interface for uplink in uplinks)

    async def ask_carriers(self) -> None:
        """For ever, in a thread."""
        try:
            await asyncio.to_thread(self._carriers.run)
        finally:
            self._carriers.end()

    async def bear_witness(self) -> None:
        """For ever."""
        witness = Witness()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            mind = self._loop.mind
            for event in witness.look(mind.brain, self._numbers):
                mind.tell(event)

    def _lost(self, interface: str) -> None:
        mind = self._loop.mind
        for name, uplink in mind.config.uplinks.items():
            if uplink.interface == interface and mind.brain.lines[name].carrier:
                mind.tell(Carrier(at=time.monotonic(), uplink=name, up=False))
                self._broke(interface)
