"""What goes over the interfaces, second by second: rates, and whether we fill a line."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.status import Measured, Traffic
from lbrouter.kernel.counters import Bytes, connections_by_number, interface_bytes
from lbrouter.model.config import Config
from lbrouter.model.events import QueueFull

EVERY_S: Final = 1.0

FULL: Final = 0.9
"""Of a line's rate in one direction: probes may wait in a queue of ours from here on."""

COUNT_EVERY_S: Final = 5.0
"""To list a hundred thousand connections takes a tenth of a second."""


class Sampler:
    """The last second of each interface."""

    def __init__(self) -> None:
        self.traffic: Mapping[str, Traffic] = {}
        self._before: Mapping[str, Bytes] = {}
        self._at = 0.0
        self._counted_at = float("-inf")
        self._connections: Mapping[int, int] | None = None

    def sample(self) -> None:
        """Look at the counters now."""
        now, found = time.monotonic(), interface_bytes()
        seconds = now - self._at
        if self._before and seconds > 0:
            both = found.keys() & self._before.keys()
            self.traffic = {n: _rate(self._before[n], found[n], seconds) for n in both}
        self._before, self._at = found, now

    def queues(self, config: Config) -> Iterator[QueueFull]:
        """Which lines we fill ourselves; those without a rate are not shaped and never tell."""
        now = time.monotonic()
        for name, uplink in config.uplinks.items():
            traffic = self.traffic.get(uplink.interface, Traffic())
            limits = ((traffic.sent_bps, uplink.upload), (traffic.received_bps, uplink.download))
            full = any(limit is not None and bps >= FULL * limit for bps, limit in limits)
            yield QueueFull(at=now, uplink=name, full=full)

    async def measured(self) -> Measured:
        """For `status`. Connections are counted in a thread: they may be a hundred thousand."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            self._counted_at = time.monotonic()
            self._connections = await asyncio.to_thread(_count)
        return Measured(traffic=self.traffic, connections=self._connections)


def _count() -> Mapping[int, int] | None:
    return asyncio.run(connections_by_number())


def _rate(before: Bytes, after: Bytes, seconds: float) -> Traffic:
    """Bits per second. A counter that runs backwards belongs to a device that was made anew."""
    return Traffic(
        received_bps=max(0, round((after.received - before.received) * 8 / seconds)),
        sent_bps=max(0, round((after.sent - before.sent) * 8 / seconds)),
    )
