"""The daemon in the gateway of a venue: started as on a real gateway, asked and listened to."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import Gateway, package_env
from lbrouter.rehearsal.lab.process import LabError, Row, until

READY_S = 30.0
LAST_WORD = "health.json"
"""What the daemon before knew of the uplinks: each fault of a rehearsal begins without it."""


class Warden:
    """`with Warden(gateway) as warden:` runs `lbrouter run` until the end of the block.

    `heard` holds (CLOCK_MONOTONIC, event) of everything that the daemon has said since.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.socket = gateway.runtime_dir / "control.sock"
        self.log = gateway.config.parent / "daemon.log"
        self.heard: list[tuple[float, Row]] = []

    def __enter__(self) -> Self:
        (self.gateway.runtime_dir / LAST_WORD).unlink(missing_ok=True)
        argv = process_netns.inside(self.gateway.namespace, self.gateway.lbrouter_argv("run"))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                argv, env=package_env(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            until(self._ready, "the daemon", within_s=READY_S)
            self._voice = _connected(self.socket)
            self._voice.sendall(b'{"verb": "follow"}\n')
            threading.Thread(target=self._listen, daemon=True).start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._voice.close()
        self.end()

    def end(self) -> None:
        """SIGTERM, and SIGKILL for one that hangs."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def status(self) -> dict[str, Any]:
        """The document of `status --json`."""
        with _connected(self.socket) as voice:
            voice.sendall(b'{"verb": "status"}\n')
            answer = json.loads(voice.makefile("rb").readline())
        found: dict[str, Any] = answer["result"]
        return found

    def state(self, uplink: str) -> str:
        """An uplink's, as it stands in `status`."""
        return str(self.status()["uplinks"][uplink]["state"])

    def after(self, moment: float) -> Iterator[tuple[float, Row]]:
        """What it has said since a moment (CLOCK_MONOTONIC)."""
        return ((at, event) for at, event in list(self.heard) if at >= moment)

    def _ready(self) -> bool:
        """Whether it has applied the file, and every uplink has answered."""
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace")
            raise LabError("the daemon has ended", remedy=said[-2000:])
        with suppress(OSError, ValueError, KeyError):
            uplinks = self.status()["uplinks"].values()
            return all(each["rtt_ms"] is not None for each in uplinks)
        return False

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._voice.makefile("rb"):
                self.heard.append((time.monotonic(), json.loads(line)["result"]))


def _connected(path: Path) -> socket.socket:
    """A connection to the daemon. Raises OSError where none listens."""
    voice = socket.socket(socket.AF_UNIX)
    try:
        voice.settimeout(10)
        voice.connect(str(path))
    except OSError:
        voice.close()
        raise
    voice.settimeout(None)
    return voice
