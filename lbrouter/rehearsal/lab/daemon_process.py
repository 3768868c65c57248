"""The daemon in the gateway of a venue: as on a real gateway, with its status and events."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lbrouter.rehearsal.lab.hosts import GatewayHost, package_env
from lbrouter.rehearsal.lab.process import JsonRow, LabError, wait_or_fail

DAEMON_READY_TIMEOUT_S = 30.0
DAEMON_HEALTH_FILE = "health.json"
"""The saved health of an earlier daemon: each fault of a rehearsal begins without it."""


class StartedDaemon:
    """`lbrouter run` in the gateway of a venue, and its log. `wrapper` is a command before it."""

    def __init__(self, gateway: GatewayHost, *, wrapper: Sequence[str] = ()) -> None:
        self.gateway, self.wrapper = gateway, wrapper
        self.log = gateway.config_path.parent / "daemon.log"

    def start(self) -> None:
        """Start it; the log goes on where an earlier one ended."""
        argv = self.gateway.exec_argv([*self.wrapper, *self.gateway.lbrouter_argv("run")])
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, env=package_env(), stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(DAEMON_READY_TIMEOUT_S)

    def log_text(self) -> str:
        """All that it has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class DaemonProcess(StartedDaemon):
    """`with DaemonProcess(gateway) as daemon:` runs it until the end of the block.

    `events` holds (CLOCK_MONOTONIC, event) for each event of the daemon since then.
    """

    def __init__(self, gateway: GatewayHost) -> None:
        super().__init__(gateway)
        self.socket_path = gateway.runtime_dir / "control.sock"
        self.events: list[tuple[float, JsonRow]] = []

    def __enter__(self) -> Self:
        (self.gateway.runtime_dir / DAEMON_HEALTH_FILE).unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        self.start()
        try:
            wait_or_fail(self._is_ready, "the daemon", within_s=DAEMON_READY_TIMEOUT_S)
            self._follow_socket = _connect(self.socket_path)
            self._follow_socket.sendall(b'{"verb": "follow"}\n')
            threading.Thread(target=self._read_events, daemon=True).start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._follow_socket.close()
        self.stop()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that hangs."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def status(self) -> dict[str, Any]:
        """The document of `status --json`."""
        with _connect(self.socket_path) as connection:
            connection.sendall(b'{"verb": "status"}\n')
            answer = json.loads(connection.makefile("rb").readline())
        result: dict[str, Any] = answer["result"]
        return result

    def uplink_state(self, uplink: str) -> str:
        """The state of an uplink in `status`."""
        return str(self.status()["uplinks"][uplink]["state"])

    def family_state(self, uplink: str, version: int) -> str:
        """The state of one family of an uplink in `status`; "" where it has none."""
        families = self.status()["uplinks"][uplink]["families"]
        return str(families.get(f"ipv{version}", {}).get("state", ""))

    def events_since(self, moment: float) -> Iterator[tuple[float, JsonRow]]:
        """Its events since a moment (CLOCK_MONOTONIC)."""
        return ((at, event) for at, event in list(self.events) if at >= moment)

    def _is_ready(self) -> bool:
        """Whether it has applied the file, and every uplink has answered."""
        if self.process.poll() is not None:
            raise LabError("the daemon has ended", remedy=self.log_text()[-2000:])
        with suppress(OSError, ValueError, KeyError):
            uplinks = self.status()["uplinks"].values()
            return all(uplink["rtt_ms"] is not None for uplink in uplinks)
        return False

    def _read_events(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._follow_socket.makefile("rb"):
                self.events.append((time.monotonic(), json.loads(line)["result"]))


def _connect(path: Path) -> socket.socket:
    """A connection to the daemon. Raises OSError where none listens."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(10)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    connection.settimeout(None)
    return connection
