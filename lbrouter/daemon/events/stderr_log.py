"""Lines on standard error, written by a thread: a reader that stands still delays nothing.

That reader is systemd's journal, which may be stopped or out of disk, or a terminal after Ctrl-S.
The lines go straight to the descriptor: a thread that hangs in a write must hold no lock of
Python's own streams, or the process could not end.
"""

import os
import queue
import threading
from contextlib import suppress
from typing import Final

STDERR_DESCRIPTOR: Final = 2

MAX_WAITING_LINES: Final = 1_000
"""Lines that may wait for the reader. More are dropped here, and counted; the history has them."""


class StderrLog:
    """Nothing here waits and nothing raises."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._dropped = 0
        self._writer = threading.Thread(target=self._run, name="stderr", daemon=True)
        self._writer.start()

    def write(self, line: str) -> None:
        """Write `line` as soon as the reader takes it."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self, *, within_s: float = 1.0) -> None:
        """Write what waits, and end."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=within_s)
        self._writer.join(within_s)

    def _run(self) -> None:
        for line in iter(self._lines.get, None):
            lost, self._dropped = self._dropped, 0
            if lost:
                _write(f"trouble: {lost} lines were dropped here; `lbrouter events` has them")
            _write(line)


def _write(line: str) -> None:
    """Standard error may be a file on a full disk, or a pipe whose reader has gone."""
    left = f"{line}\n".encode(errors="replace")
    with suppress(OSError):
        while left:
            left = left[os.write(STDERR_DESCRIPTOR, left) :]
