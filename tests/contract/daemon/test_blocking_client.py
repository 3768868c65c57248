"""The client of a command: one question, one answer, and what becomes of a silent daemon."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lbrouter.daemon.control_socket import blocking_client
from lbrouter.daemon.control_socket.protocol import (
    control_socket_path,
    encode_line,
    error_response,
    ok_response,
)
from lbrouter.model.errors import NotAppliedError, UnavailableError

PING = {"verb": "ping"}


@contextmanager
def answering(folder: Path, *parts: bytes, close: bool = True) -> Iterator[list[bytes]]:
    """A socket that takes one request and sends `parts`; the requests that it got."""
    requests: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(control_socket_path(folder)))
        listener.listen()
        ended = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                requests.append(connection.makefile("rb").readline())
                for part in parts:
                    connection.sendall(part)
                if not close:
                    ended.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield requests
        ended.set()
        thread.join(10)


def test_without_a_daemon_there_is_no_answer(tmp_path: Path) -> None:
    assert blocking_client.ask(tmp_path, PING) is None
    assert list(blocking_client.stream(tmp_path, {"verb": "follow"})) == []


def test_a_socket_that_a_dead_daemon_left_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(control_socket_path(tmp_path)))
    assert blocking_client.ask(tmp_path, PING) is None


def test_an_answer_in_many_pieces_is_one_answer(tmp_path: Path) -> None:
    line = encode_line(ok_response({"gateway": "x" * 200_000}))
    pieces = [line[at : at + 30_000] for at in range(0, len(line), 30_000)]
    with answering(tmp_path, *pieces, close=False) as requests:
        assert blocking_client.ask(tmp_path, PING) == {"gateway": "x" * 200_000}
    assert [json.loads(each) for each in requests] == [PING]


def test_a_refusal_is_raised_as_the_daemon_raised_it(tmp_path: Path) -> None:
    refusal = UnavailableError("dnsmasq is missing.", remedy="Install it.")
    with (
        answering(tmp_path, encode_line(error_response(refusal))),
        pytest.raises(UnavailableError) as raised,
    ):
        blocking_client.ask(tmp_path, PING)
    assert (raised.value.message, raised.value.remedy) == (refusal.message, refusal.remedy)


@pytest.mark.parametrize("half", [b"", b'{"ok": true, "resu'])
def test_a_daemon_that_ends_amid_its_answer_has_not_answered(tmp_path: Path, half: bytes) -> None:
    with answering(tmp_path, half), pytest.raises(NotAppliedError, match="closed the connection"):
        blocking_client.ask(tmp_path, PING)


@pytest.mark.parametrize("half", [b"", b'{"ok": true, "resu'])
def test_a_silent_daemon_is_waited_for_until_the_deadline(tmp_path: Path, half: bytes) -> None:
    with (
        answering(tmp_path, half, close=False),
        pytest.raises(NotAppliedError, match="does not answer"),
    ):
        blocking_client.ask(tmp_path, PING, timeout_s=0.3)


def test_a_stream_ends_with_the_daemon(tmp_path: Path) -> None:
    lines = [encode_line(ok_response({"number": number})) for number in range(3)]
    with answering(tmp_path, *lines):
        found = list(blocking_client.stream(tmp_path, {"verb": "follow"}))
    assert found == [{"number": 0}, {"number": 1}, {"number": 2}]
