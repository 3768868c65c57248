"""Notifications to systemd (sd_notify(3)), without its library.

A datagram to the socket that NOTIFY_SOCKET names; without systemd every call does nothing. Nothing
here raises: a manager that does not listen must not stop the routing.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

HEARTBEATS_PER_WATCHDOG_PERIOD: Final = 3
"""Heartbeats in each watchdog period: one may come late."""


class SystemdNotifier:
    """Notifies the service manager that started this process, if there is one."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_us = _watchdog_us(environment)

    @property
    def is_enabled(self) -> bool:
        """Whether there is a service manager to notify."""
        return bool(self._path)

    @property
    def heartbeat_interval_s(self) -> float | None:
        """Seconds between two calls of `send_heartbeat`; None where there is no watchdog."""
        return (
            self._watchdog_us / 1e6 / HEARTBEATS_PER_WATCHDOG_PERIOD
            if self._path and self._watchdog_us
            else None
        )

    def ready(self, status: str = "") -> None:
        """The service does its work (after a reload as well)."""
        self._send("READY=1", *_status_line(status))

    def reloading(self) -> None:
        """A new configuration is being read; `ready` ends it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str = "") -> None:
        """The service is about to end."""
        self._send("STOPPING=1", *_status_line(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(*_status_line(text))

    def send_heartbeat(self) -> None:
        """The daemon works: restart the watchdog period."""
        if self._watchdog_us:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._path or not lines:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as opened:
            opened.sendto("\n".join(lines).encode(), address)


def _status_line(text: str) -> tuple[str, ...]:
    """A line; what follows a newline would be a message of its own."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def _watchdog_us(environment: Mapping[str, str]) -> int:
    """WATCHDOG_USEC, unless WATCHDOG_PID says that another process is meant; 0 = no watchdog."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) if text.isdecimal() else 0
