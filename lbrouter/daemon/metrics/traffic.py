"""Traffic of the interfaces, second by second: rates, and whether we fill an uplink."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.report.status_types import InterfaceTraffic, TrafficMeasurements
from lbrouter.kernel.netlink.raw_dump import qdisc_backlogs
from lbrouter.kernel.read.counters import InterfaceBytes, connections_by_number, interface_bytes
from lbrouter.model.config import Config
from lbrouter.model.events import QueueFull

TRAFFIC_SAMPLE_INTERVAL_S: Final = 1.0

UPLINK_FULL_RATIO: Final = 0.85
"""Of a line's rate in one direction: above this, probes may wait in a queue that we fill. Shaping
below the line's rate leaves no more than 0.9 of it."""

QUEUE_FULL_DELAY_S: Final = 0.05
"""Where the backlog of an uplink's own queue takes this long to leave, the queue is full, whatever
the rates are. For a line without a rate this is the only sign."""

CONNECTION_COUNT_INTERVAL_S: Final = 5.0
"""To list a hundred thousand connections takes a tenth of a second."""


class TrafficSampler:
    """The last second of each interface."""

    def __init__(self) -> None:
        self.traffic: Mapping[str, InterfaceTraffic] = {}
        self._backlogs: Mapping[int, int] = {}
        self._previous_bytes: Mapping[str, InterfaceBytes] = {}
        self._sampled_at = 0.0
        self._counted_at = float("-inf")
        self._connections: Mapping[int, int] | None = None

    def sample(self) -> None:
        """Read the counters now."""
        now, found = time.monotonic(), interface_bytes()
        seconds = now - self._sampled_at
        if self._previous_bytes and seconds > 0:
            both = found.keys() & self._previous_bytes.keys()
            self.traffic = {
                n: _traffic_between(self._previous_bytes[n], found[n], seconds) for n in both
            }
        self._previous_bytes, self._sampled_at, self._backlogs = found, now, qdisc_backlogs()

    @property
    def counted(self) -> Mapping[str, InterfaceBytes]:
        """The counters of each interface as they were read last."""
        return self._previous_bytes

    def queue_events(self, config: Config) -> Iterator[QueueFull]:
        """Events that say which lines we fill ourselves, and in which direction."""
        now = time.monotonic()
        for name, uplink in config.uplinks.items():
            traffic = self.traffic.get(uplink.device, InterfaceTraffic())
            # The index; 0, which no interface has, where it does not exist.
            try:
                interface_index = socket.if_nametoindex(uplink.device)
            except OSError:
                interface_index = 0
            waiting = self._backlogs.get(interface_index, 0)
            yield QueueFull(
                at=now,
                uplink=name,
                upload=is_upload_full(traffic.sent_bps, uplink.upload, backlog=waiting),
                download=is_download_full(traffic.received_bps, uplink.download),
            )

    async def measurements(self) -> TrafficMeasurements:
        """For `status`. Connections are counted in a thread: they may be a hundred thousand."""
        if time.monotonic() - self._counted_at > CONNECTION_COUNT_INTERVAL_S:
            self._counted_at = time.monotonic()
            self._connections = await asyncio.to_thread(_count_connections)
        return TrafficMeasurements(traffic=self.traffic, connections=self._connections)


def is_upload_full(sent_bps: int, upload: int | None, *, backlog: int = 0) -> bool:
    """Whether we fill a line's upload: its rate in bit/s, or the bytes that wait in its queue.

    A queue that sends nothing is no sign of it: then the line itself has stopped.
    """
    if upload is not None and sent_bps >= UPLINK_FULL_RATIO * upload:
        return True
    speed = max(sent_bps, upload or 0)
    return sent_bps > 0 and 8 * backlog >= QUEUE_FULL_DELAY_S * speed


def is_download_full(received_bps: int, download: int | None) -> bool:
    """Whether what comes to us fills a line's download, in bit/s. Without a rate: unknown."""
    return download is not None and received_bps >= UPLINK_FULL_RATIO * download


def _count_connections() -> Mapping[int, int] | None:
    return asyncio.run(connections_by_number())


def _traffic_between(
    before: InterfaceBytes, after: InterfaceBytes, seconds: float
) -> InterfaceTraffic:
    """Bits per second. A counter that runs backwards belongs to a device that was created again."""
    return InterfaceTraffic(
        received_bps=max(0, round((after.received - before.received) * 8 / seconds)),
        sent_bps=max(0, round((after.sent - before.sent) * 8 / seconds)),
    )
