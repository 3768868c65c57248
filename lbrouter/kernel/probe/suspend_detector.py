"""Did we ourselves sleep? A starved process or a paused machine is no outage of a line."""

import asyncio
from collections.abc import Callable
from typing import Final

from lbrouter.model.events import Late

BEAT_S: Final = 0.1
LATE_S: Final = 0.1
"""A beat this late: our answers may be late for the same cause."""


class Vigil:
    """A beat in the loop, shared by all probers; each oversleep is told once.

    Whoever tells an event calls `check` before: sockets are read before timers run, and Late has to
    come before what piled up.
    """

    def __init__(self, emit: Callable[[Late], object]) -> None:
        self._emit = emit
        self._forgivers: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = float("inf")

    def join(self, forgive: Callable[[], None]) -> None:
        """`forgive` is called whenever this process overslept, after Late is told."""
        self._forgivers.append(forgive)
        if self._timer is None:
            self._next()

    def leave(self, forgive: Callable[[], None]) -> None:
        """The opposite of `join`."""
        if forgive in self._forgivers:
            self._forgivers.remove(forgive)
        if not self._forgivers and self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, float("inf")

    def check(self) -> None:
        """Tell Late if the beat is overdue."""
        now = asyncio.get_running_loop().time()
        late_s = now - self._due
        if late_s <= LATE_S:
            return
        self._due = now + BEAT_S
        self._emit(Late(at=now, by_s=late_s))
        for forgive in self._forgivers:
            forgive()

    def _beat(self) -> None:
        self.check()
        self._next()

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + BEAT_S
        self._timer = loop.call_at(self._due, self._beat)
