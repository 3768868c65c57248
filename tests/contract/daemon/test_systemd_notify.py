"""What the service manager receives on its socket."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lbrouter.kernel.systemd_notify import SystemdNotifier


@contextmanager
def notify_socket(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind("\0" + address[1:] if address.startswith("@") else address)
        opened.settimeout(5)
        yield opened


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"@lbrouter-test-{os.getpid()}" if request.param == "abstract" else f"{tmp_path}/n"


def test_each_message_is_received(address: str) -> None:
    with notify_socket(address) as listener:
        notifier = SystemdNotifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "6000000"})
        assert notifier.is_enabled
        assert notifier.heartbeat_interval_s == 2
        notifier.ready("2 uplinks up")
        assert listener.recv(999) == b"READY=1\nSTATUS=2 uplinks up"
        notifier.reloading()
        word, clock = listener.recv(999).split(b"\n")
        assert word == b"RELOADING=1"
        assert clock.startswith(b"MONOTONIC_USEC=")
        assert int(clock.split(b"=")[1]) > 0
        notifier.status("fiber\nREADY=1")
        assert listener.recv(999) == b"STATUS=fiber READY=1"
        notifier.send_heartbeat()
        assert listener.recv(999) == b"WATCHDOG=1"
        notifier.stopping()
        assert listener.recv(999) == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "/" + "x" * 300},
        {"WATCHDOG_USEC": "1000000"},
    ],
)
def test_with_nobody_listening_nothing_happens(environment: dict[str, str]) -> None:
    notifier = SystemdNotifier(environment)
    notifier.ready("up")
    notifier.send_heartbeat()
    notifier.stopping()
    assert notifier.heartbeat_interval_s is None


@pytest.mark.parametrize(
    "more, wanted",
    [
        ({"WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_PID": "1"}, False),
        ({"WATCHDOG_USEC": "soon"}, False),
    ],
)
def test_a_watchdog_of_another_process_is_none_of_ours(
    more: dict[str, str],
    wanted: bool,  # noqa: FBT001
) -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", **more}
    assert (SystemdNotifier(environment).heartbeat_interval_s is not None) is wanted
