"""The client of the control socket for a command: it loads no event loop for one question."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lbrouter.daemon.control_socket.order_address import with_address
from lbrouter.daemon.control_socket.protocol import (
    CONTROL_REPLY_TIMEOUT_S,
    DAEMON_CLOSED_WHY,
    DAEMON_NOT_ANSWERING,
    DAEMON_RESTART_REMEDY,
    SOCKET_REFUSED_WHY,
    Document,
    control_socket_path,
    encode_line,
    result_or_raise,
)
from lbrouter.model.errors import NotAppliedError, NotPermittedError

RECEIVE_BYTES: Final = 1 << 16


def ask(
    runtime_dir: Path, request: Document, *, timeout_s: float = CONTROL_REPLY_TIMEOUT_S
) -> Any | None:
    """The daemon's result, None where no daemon runs. Raises what the daemon refuses with.

    Results are never None. NotAppliedError where the daemon does not answer in time.
    """
    with _connection(runtime_dir) as connection:
        if connection is None:
            return None
        try:
            answer = _answer(
                connection, encode_line(with_address(request)), time.monotonic() + timeout_s
            )
        except OSError as error:  # a TimeoutError too
            raise NotAppliedError(DAEMON_NOT_ANSWERING, remedy=DAEMON_RESTART_REMEDY) from error
    if not answer:
        raise NotAppliedError(DAEMON_CLOSED_WHY, remedy=DAEMON_RESTART_REMEDY)
    return result_or_raise(json.loads(answer))


def stream(runtime_dir: Path, request: Document) -> Iterator[Any]:
    """Results one after the other, as long as the daemon sends them; none where no daemon runs."""
    with _connection(runtime_dir) as connection:
        if connection is None:
            return
        connection.sendall(encode_line(request))
        with connection.makefile("rb") as lines:
            for answer in lines:
                yield result_or_raise(json.loads(answer))


@contextmanager
def _connection(runtime_dir: Path) -> Iterator[socket.socket | None]:
    """A connection to the daemon of `runtime_dir`; None where none listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(control_socket_path(runtime_dir)))
        except PermissionError as error:
            raise NotPermittedError(SOCKET_REFUSED_WHY, remedy="Run it as root.") from error
        except OSError:
            yield None
            return
        yield connection


def _answer(connection: socket.socket, request: bytes, deadline: float) -> bytes:
    """The line that answers, b"" where the daemon closes before its end. Raises OSError.

    `deadline` is one of CLOCK_MONOTONIC, for the whole line and not for each part of it.
    """
    connection.settimeout(_seconds_until(deadline))
    connection.sendall(request)
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(_seconds_until(deadline))
        part = connection.recv(RECEIVE_BYTES)
        if not part:
            return b""
        received += part
    return bytes(received)


def _seconds_until(deadline: float) -> float:
    """What is left; never 0, which a socket would take for "do not wait"."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
