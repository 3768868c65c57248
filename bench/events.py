"""The daemon's events on its control socket, with the moment at which each arrived here."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

DaemonEvent = dict[str, Any]


class EventFollower:
    """`with EventFollower(runtime_dir) as events:` collects events until the end of the block."""

    def __init__(self, runtime_dir: Path) -> None:
        self.received: list[tuple[float, DaemonEvent]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(runtime_dir / "control.sock"))
        self.socket.sendall(b'{"verb": "follow"}\n')
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        with suppress(OSError), self.socket.makefile("rb") as lines:
            for line in lines:
                self.received.append((time.monotonic(), json.loads(line).get("result", {})))

    def first(self, since: float, holds: Callable[[DaemonEvent], bool]) -> float | None:
        """Seconds from `since` to the first event for which `holds`; None when there is none."""
        return next(
            (at - since for at, event in self.received if at >= since and holds(event)), None
        )

    def since(self, since: float, kind: str) -> list[DaemonEvent]:
        """Events of a kind from a moment on."""
        return [event for at, event in self.received if at >= since and event.get("kind") == kind]

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()
