"""The HTTP client without a socket: what servers answer, in any pieces, and what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.wire.http_exchange import (
    MAX_HTTP_HEAD_BYTES,
    MAX_INTERIM_ANSWERS,
    HttpExchange,
    HttpRequest,
    NotHttpError,
)
from lbrouter.model.sections.targets import parse_target
from lbrouter.system.http_client import target_request

GET = HttpRequest(method="GET", host="probe.example", path="/")
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

ANSWERS = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok": 200,
    b"HTTP/1.0 204\r\n\r\n": 204,
    b"HTTP/1.1 302 Found\nLocation: /login\n\n": 302,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n": 200,
    EARLY_HINTS * MAX_INTERIM_ANSWERS + b"HTTP/1.1 511 Sign in\r\n\r\n": 511,
}
NO_ANSWERS = (
    b"",
    b"HTTP/1.1 2",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 20x\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    EARLY_HINTS * (MAX_INTERIM_ANSWERS + 1),
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * MAX_HTTP_HEAD_BYTES,
    b"A" * 100_000,
    bytes(100),
)


def status_of(answer: bytes, sizes: list[int]) -> int:
    """The status, from an answer that comes in pieces of these sizes and ends with its end."""
    exchange, rest = HttpExchange(GET), answer
    for size in sizes:
        if rest and (status := exchange.receive_status(rest[:size])) is not None:
            return status
        rest = rest[size:]
    for piece in filter(None, (rest, b"")) if rest else ():
        if (status := exchange.receive_status(piece)) is not None:
            return status
    status = exchange.receive_status(b"")
    assert status is not None, "the end of the connection is an answer, or none"
    return status


PIECES = st.lists(st.integers(1, 40), max_size=12)


@given(answer=st.sampled_from(sorted(ANSWERS)), sizes=PIECES)
def test_a_status_does_not_depend_on_the_pieces(answer: bytes, sizes: list[int]) -> None:
    assert status_of(answer, sizes) == ANSWERS[answer]


@given(answer=st.sampled_from(NO_ANSWERS), sizes=PIECES)
def test_what_is_no_http_is_refused_in_any_pieces(answer: bytes, sizes: list[int]) -> None:
    with pytest.raises(NotHttpError):
        status_of(answer, sizes)


@given(answer=st.binary(max_size=200), sizes=PIECES)
def test_random_bytes_are_no_http(answer: bytes, sizes: list[int]) -> None:
    with pytest.raises(NotHttpError):
        status_of(answer, sizes)


@pytest.mark.parametrize("flood", [b"a: b\r\n", b"a", EARLY_HINTS])
def test_an_answer_without_end_is_refused_while_it_comes(flood: bytes) -> None:
    exchange = HttpExchange(GET)
    start = b"" if flood is EARLY_HINTS else b"HTTP/1.1 200 OK\r\n"
    assert not start or exchange.receive_status(start) is None
    enough = 2 * MAX_HTTP_HEAD_BYTES // len(flood)
    with pytest.raises(NotHttpError):
        list(map(exchange.receive_status, [flood] * enough))


def test_the_request_is_whole() -> None:
    target = parse_target("http://[2001:db8::1]:8080/hook?a=1")
    request = target_request("POST", target, headers={"Content-Type": "a/b"}, body=b"{}")
    head, _, body = HttpExchange(request).request_bytes.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /hook?a=1 HTTP/1.1",
        b"Host: [2001:db8::1]:8080",
        b"User-Agent: lbrouter",
        b"Connection: close",
        b"Content-Type: a/b",
        b"Content-Length: 2",
    ]
    assert body == b"{}"


def test_the_usual_port_is_not_named() -> None:
    request = target_request("GET", parse_target("https://probe.example/"), headers={})
    assert request.host == "probe.example"
    assert b"Content-Length" not in HttpExchange(request).request_bytes


@pytest.mark.parametrize("path", ["/a b", "/\r\nX: y", "/a\0"])
def test_a_path_cannot_smuggle_a_header(path: str) -> None:
    with pytest.raises(NotHttpError, match=re.escape("target")):
        HttpExchange(HttpRequest(method="GET", host="h", path=path))


def test_a_page_is_counted_to_its_end_and_no_further() -> None:
    exchange = HttpExchange(GET)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    assert exchange.receive_status(head + b"abc") == 200
    assert exchange.receive_body(b"defg") == 7
    assert exchange.receive_body(b"hij" + b"x" * 50) == 3, "what follows the page is none of it"
    assert exchange.receive_body(b"") is None


def test_a_page_that_is_cut_short_is_no_page() -> None:
    exchange = HttpExchange(GET)
    assert exchange.receive_status(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc") == 200
    with pytest.raises(NotHttpError):
        exchange.receive_body(b"")
