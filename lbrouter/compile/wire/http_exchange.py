"""HTTP/1.1 without a socket: a request, and what a server answers, which is bounded here. Pure.

h11 has the protocol (RFC 9112). Input is not trusted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import h11

MAX_HTTP_HEAD_BYTES: Final = 16 * 1024
"""A status line and its headers together."""

MAX_INTERIM_ANSWERS: Final = 8
"""Answers of the kind 1xx that may stand before the real one."""

HTTP_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[0-9] [0-9]{3}(?: .*)?\r?\n")


class NotHttpError(ValueError):
    """What the server sent is not HTTP/1.1, or is longer than we read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. `host` is the header: a name or an address, with its port if it is not usual.

    `body_length` is announced, for a body that the caller sends itself.
    """

    method: str
    host: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    body_length: int | None = None


class HttpExchange:
    """A request and its answer, without a socket: bytes to send, bytes that were received."""

    def __init__(self, request: HttpRequest) -> None:
        """Raises NotHttpError where the request is none that may be sent."""
        import h11  # noqa: PLC0415  -- 10 ms, for the few processes that speak HTTP

        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HTTP_HEAD_BYTES)
        self._protocol_errors = (h11.RemoteProtocolError, h11.LocalProtocolError)
        self._started = bytearray()
        self._status: int | None = None
        self._interim_answers = 0
        self._page_ended = False
        length = len(request.body) if request.body_length is None else request.body_length
        headers = [
            ("Host", request.host),
            ("User-Agent", "lbrouter"),
            ("Connection", "close"),
            *request.headers.items(),
            *([("Content-Length", str(length))] if length else []),
        ]
        try:
            head = self._connection.send(
                h11.Request(method=request.method, target=request.path, headers=headers)
            )
            assert head is not None
            self.request_bytes: bytes = head
            if request.body_length is None:
                self.request_bytes += self._send(h11.Data(data=request.body))
                self.request_bytes += self._send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise NotHttpError(str(error)) from error

    def receive_status(self, data: bytes) -> int | None:
        """The status of the answer, None while more is needed; b"" says that the server closed.

        Raises NotHttpError.
        """
        self._check_status_line(data)
        self._connection.receive_data(data)
        while self._status is None:
            event = self._next_event()
            if event is None:
                return None
            # Nothing else comes before a status; an early end of the connection is an error.
            status = int(cast("h11.Response", event).status_code)
            if status >= 200:
                self._status = status
                continue
            self._interim_answers += 1
            if self._interim_answers > MAX_INTERIM_ANSWERS:
                raise NotHttpError("interim answers without end")
        return self._status

    def receive_body(self, data: bytes) -> int | None:
        """After the status: how many bytes of the page there are more; None at its end.

        Raises NotHttpError.
        """
        if self._page_ended:
            return None
        self._connection.receive_data(data)
        count = 0
        while (event := self._next_event()) is not None:
            piece = getattr(event, "data", None)
            if piece is None:
                self._page_ended = True
                return count or None
            count += len(piece)
        return count

    def _check_status_line(self, data: bytes) -> None:
        """At its first line feed: h11 looks at the end of the head alone, which may never come."""
        if b"\n" in self._started:
            return
        self._started += data[:MAX_HTTP_HEAD_BYTES]
        line, newline, _ = self._started.partition(b"\n")
        if newline and HTTP_STATUS_LINE.fullmatch(line + newline) is None:
            raise NotHttpError("no status line")

    def _next_event(self) -> "h11.Event | None":
        """The next event; None where more data is needed."""
        import h11  # noqa: PLC0415  -- it is loaded by now

        try:
            event = self._connection.next_event()
        except self._protocol_errors as error:
            raise NotHttpError(str(error)) from error
        return event if isinstance(event, h11.Event) else None

    def _send(self, event: "h11.Event") -> bytes:
        return self._connection.send(event) or b""
