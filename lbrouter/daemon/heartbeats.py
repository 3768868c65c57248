"""Heartbeats to systemd: as long as the reconcile loop works."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lbrouter.kernel.systemd_notify import SystemdNotifier

LOOP_HANG_TIMEOUT_S: Final = 60.0
"""A loop that has not run for this long hangs: no heartbeat is sent any more. An apply of the
largest file takes less."""

IDLE_HEARTBEAT_S: Final = 60.0


async def send_heartbeats(notifier: SystemdNotifier, last_run_at: Callable[[], float]) -> None:
    """Send them for ever; `last_run_at` is a time of CLOCK_MONOTONIC."""
    pause_s = notifier.heartbeat_interval_s or IDLE_HEARTBEAT_S
    while True:
        if time.monotonic() - last_run_at() < LOOP_HANG_TIMEOUT_S:
            notifier.send_heartbeat()
        await asyncio.sleep(pause_s)
