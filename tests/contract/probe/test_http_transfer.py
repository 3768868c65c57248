"""`measure` by a web page: what counts as a page, and servers that mean harm."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lbrouter.kernel import http_transfer
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.model.errors import NotAppliedError

LOOPBACK = UplinkBinding(interface="lo", number=1)


@contextmanager
def page_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that handles one connection; it ends with its client."""

    def handle() -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                connection.recv(4096)
                serve(connection)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=handle)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/file"
        thread.join()


def rates(url: str, *, download: bool = True) -> list[float]:
    parsed = http_transfer.parse_url(url)
    return http_transfer.measure_rates(parsed, LOOPBACK, seconds=1, download=download)


def flood(head: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(bytes(65536))

    return serve


def test_a_page_that_goes_on_is_measured() -> None:
    with page_server(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n")) as url:
        [found] = rates(url)
    assert found > 1e6


def test_what_follows_the_page_is_not_measured() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with page_server(flood(head)) as url, pytest.raises(NotAppliedError, match="ends too soon"):
        rates(url)


@pytest.mark.parametrize(
    "head, said",
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answers with status 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "answers with status 302"),
        (b"220 mail.example\r\n", "no web server"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "no web server"),
    ],
)
def test_what_is_no_page_is_told_and_not_measured(head: bytes, said: str) -> None:
    with page_server(flood(head)) as url, pytest.raises(NotAppliedError, match=said):
        rates(url)


def test_a_head_that_comes_byte_by_byte_ends_at_our_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not stopped.wait(0.2):
            connection.sendall(b"a")

    stopped, begun = threading.Event(), time.monotonic()
    with page_server(drip) as url, pytest.raises(NotAppliedError, match="no answer"):
        rates(url)
    assert time.monotonic() - begun < http_transfer.HTTP_TRANSFER_TIMEOUT_S + 3


def test_an_upload_is_measured() -> None:
    def swallow(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with page_server(swallow) as url:
        [found] = rates(url, download=False)
    assert found > 1e6
