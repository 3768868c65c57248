"""Waiting for an event or for a time, whichever is first."""

import asyncio


class Wakeup:
    """Set by any number of tasks; one task waits.

    An asyncio.Event with a time limit, at a tenth of the cost of two tasks and a wait for both: the
    loop waits again after each answer of each probe.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._deadline = float("inf")
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def clear(self) -> None:
        """Clear it: the event was taken."""
        self._is_set, self._deadline = False, float("inf")

    def set(self) -> None:
        """Wake the waiting task now."""
        self._is_set = True
        self._wake()

    def set_within(self, within_s: float) -> None:
        """Wake the waiting task within this time."""
        at = asyncio.get_running_loop().time() + within_s
        if at < self._deadline:
            self._deadline = at
            if self._timer is not None and at < self._timer.when():
                self._arm(at)

    async def wait(self, timeout_s: float) -> None:
        """Wait until it is set, at most this long."""
        loop = asyncio.get_running_loop()
        at = min(loop.time() + timeout_s, self._deadline)
        if self._is_set or at <= loop.time():
            await asyncio.sleep(0)
            return
        self._waiter = loop.create_future()
        self._arm(at)
        try:
            await self._waiter
        finally:
            self._disarm()
            self._waiter = None

    def _arm(self, at: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_at(at, self._wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
