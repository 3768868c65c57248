"""`TrafficRecorder`: samples the traffic each second, and records the uplinks for the history."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lbrouter.compile import health
from lbrouter.daemon.events.history import UplinkSample
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.metrics.last_minute import LastMinute
from lbrouter.daemon.metrics.traffic import TRAFFIC_SAMPLE_INTERVAL_S, TrafficSampler
from lbrouter.daemon.metrics.traffic_totals import TrafficTotals, counted_parts

HISTORY_SAMPLE_INTERVAL_S: Final = 10.0


class TrafficRecorder:
    """Feeds the last minute and the history; tells the active health tracker of full queues."""

    def __init__(self, journal: Journal, tracker: Callable[[], HealthTracker]) -> None:
        self.sampler = TrafficSampler()
        self.last_minute = LastMinute()
        self._totals = TrafficTotals()
        self._journal = journal
        self._tracker = tracker

    async def run(self) -> None:
        """Sample for ever."""
        recorded_at = float("-inf")
        while True:
            self.sampler.sample()
            tracker = self._tracker()
            parts = counted_parts(tracker.config)
            self._totals.add(parts, self.sampler.traffic)
            self.last_minute.record(tracker)
            for event in self.sampler.queue_events(tracker.config):
                known = tracker.state.uplinks[event.uplink]
                if (event.upload, event.download) != (known.upload_full, known.download_full):
                    tracker.put(event)
            if time.monotonic() - recorded_at >= HISTORY_SAMPLE_INTERVAL_S:
                recorded_at = time.monotonic()
                at = utc_timestamp(precision="seconds")
                counted = self.sampler.counted
                for amount in self._totals.take(parts, counted, now=recorded_at, at=at):
                    self._journal.record_sample(amount)
                for name, uplink in tracker.config.uplinks.items():
                    readings = health.uplink_readings(tracker.state, name)
                    traffic = self.sampler.traffic.get(uplink.device)
                    self._journal.record_sample(
                        UplinkSample(
                            at=at,
                            uplink=name,
                            state=str(tracker.health.uplinks[name].state),
                            rtt_ms=readings.rtt_ms,
                            jitter_ms=readings.jitter_ms,
                            loss_percent=readings.loss_percent,
                            upload_bps=traffic.sent_bps if traffic else 0,
                            download_bps=traffic.received_bps if traffic else 0,
                        )
                    )
            await asyncio.sleep(TRAFFIC_SAMPLE_INTERVAL_S)
