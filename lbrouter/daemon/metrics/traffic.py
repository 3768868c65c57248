"""What goes over the interfaces, second by second: rates, and whether we fill a line."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.report.status import Measured, Traffic
from lbrouter.kernel.netlink.raw_dump import backlogs
from lbrouter.kernel.read.counters import Bytes, connections_by_number, interface_bytes
from lbrouter.model.config import Config
from lbrouter.model.events import QueueFull

EVERY_S: Final = 1.0

FULL: Final = 0.85
"""Of a line's rate in one direction: from here on probes may wait in a queue that we fill. Shaping
below the line's rate leaves no more than 0.9 of it."""

WAITING_S: Final = 0.05
"""So long does what waits in an uplink's own queue take to leave: it is full, whatever the rates
say. For a line without a rate this alone tells."""

COUNT_EVERY_S: Final = 5.0
"""To list a hundred thousand connections takes a tenth of a second."""


class Sampler:
    """The last second of each interface."""

    def __init__(self) -> None:
        self.traffic: Mapping[str, Traffic] = {}
        self._backlogs: Mapping[int, int] = {}
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
        self._before, self._at, self._backlogs = found, now, backlogs()

    def queues(self, config: Config) -> Iterator[QueueFull]:
        """Which lines we fill ourselves, in either direction."""
        now = time.monotonic()
        for name, uplink in config.uplinks.items():
            traffic = self.traffic.get(uplink.device, Traffic())
            waiting = self._backlogs.get(_index(uplink.device), 0)
            full = fills(traffic, upload=uplink.upload, download=uplink.download, waiting=waiting)
            yield QueueFull(at=now, uplink=name, full=full)

    async def measured(self) -> Measured:
        """For `status`. Connections are counted in a thread: they may be a hundred thousand."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            self._counted_at = time.monotonic()
            self._connections = await asyncio.to_thread(_count)
        return Measured(traffic=self.traffic, connections=self._connections)


def fills(traffic: Traffic, *, upload: int | None, download: int | None, waiting: int = 0) -> bool:
    """Whether we fill a line: `waiting` bytes stand in its queue, its rates are in bit/s.

    A queue out of which nothing leaves is no sign: then the line itself has stopped.
    """
    limits = ((traffic.sent_bps, upload), (traffic.received_bps, download))
    if any(limit is not None and bps >= FULL * limit for bps, limit in limits):
        return True
    speed = max(traffic.sent_bps, upload or 0)
    return traffic.sent_bps > 0 and 8 * waiting >= WAITING_S * speed


def _index(interface: str) -> int:
    """0, which no interface has, where it is not there."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def _count() -> Mapping[int, int] | None:
    return asyncio.run(connections_by_number())


def _rate(before: Bytes, after: Bytes, seconds: float) -> Traffic:
    """Bits per second. A counter that runs backwards belongs to a device that was made anew."""
    return Traffic(
        received_bps=max(0, round((after.received - before.received) * 8 / seconds)),
        sent_bps=max(0, round((after.sent - before.sent) * 8 / seconds)),
    )
