"""Detects that this process was delayed: starved of CPU, or a paused machine, is no outage."""

import asyncio
from collections.abc import Callable
from typing import Final

from lbrouter.model.events import ProcessDelayed

SUSPEND_CHECK_INTERVAL_S: Final = 0.1
SUSPEND_THRESHOLD_S: Final = 0.1
"""A timer this late: answers may be read late for the same cause."""


class SuspendDetector:
    """A periodic timer, shared by all probers; each delay is reported once.

    `check` is called before any event is reported: sockets are read before timers run, and
    ProcessDelayed has to come before the events that piled up.
    """

    def __init__(self, emit: Callable[[ProcessDelayed], object]) -> None:
        self._emit = emit
        self._users = set[object]()
        self._timer: asyncio.TimerHandle | None = None
        self._next_check_at = float("inf")

    def start(self, user: object) -> None:
        """Watch, as long as there is a user."""
        self._users.add(user)
        if self._timer is None:
            self._schedule()

    def stop(self, user: object) -> None:
        """The opposite of `start`."""
        self._users.discard(user)
        if not self._users and self._timer is not None:
            self._timer.cancel()
            self._timer, self._next_check_at = None, float("inf")

    def check(self) -> None:
        """Report ProcessDelayed if the timer is overdue."""
        now = asyncio.get_running_loop().time()
        late_s = now - self._next_check_at
        if late_s <= SUSPEND_THRESHOLD_S:
            return
        self._next_check_at = now + SUSPEND_CHECK_INTERVAL_S
        self._emit(ProcessDelayed(at=now, delay_s=late_s))

    def _tick(self) -> None:
        self.check()
        self._schedule()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_check_at = loop.time() + SUSPEND_CHECK_INTERVAL_S
        self._timer = loop.call_at(self._next_check_at, self._tick)
