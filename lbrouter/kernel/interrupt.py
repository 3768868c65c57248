"""Signals during a transaction: they stop it, so that it undoes itself, instead of killing it.

A terminal that closes sends SIGHUP, systemd sends SIGTERM, a person SIGINT, and often twice.
"""

import asyncio
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Self

INTERRUPT_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CancelOnSignal:
    """Within the block the first signal cancels the current task; all later ones are swallowed.

    `signal_name` is then the signal's ("SIGTERM"), and "" if none came. Handlers of the caller are
    put back at the end, and get a signal that came too late to cancel anything; a signal that is
    ignored (nohup) stays ignored. Outside the main thread, where Python delivers no signals, it
    does nothing.
    """

    def __init__(self) -> None:
        self.signal_name = ""
        self._late_signal: int | None = None
        self._previous_handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if threading.current_thread() is threading.main_thread():
            for number in INTERRUPT_SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous_handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._task = None  # a call that still waits in the loop must not cancel what comes next
        if self._late_signal is not None and not self.signal_name:
            signal.raise_signal(self._late_signal)

    async def take_pending_signal(self) -> None:
        """Let a signal that has just come cancel the task here, not at its next await."""
        await asyncio.sleep(0)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._late_signal = number
        self._loop.call_soon_threadsafe(self._cancel_task, signal.Signals(number).name)

    def _cancel_task(self, name: str) -> None:
        if not self.signal_name and self._task is not None:
            self.signal_name = name
            self._task.cancel()

    def absorb_cancellation(self) -> None:
        """Clear a cancellation that a signal caused: the caller gets an error instead."""
        if self.signal_name and self._task is not None:
            self._task.uncancel()
