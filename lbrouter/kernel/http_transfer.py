"""HTTP through one uplink, as fast as it goes: GET for the download, POST for the upload."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from lbrouter.compile.wire.http_exchange import HttpExchange, HttpRequest, NotHttpError
from lbrouter.kernel.probe.bound_socket import UplinkBinding, error_text, open_socket
from lbrouter.model.errors import NotAppliedError, UsageError
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.system.http_client import HTTP_READ_BYTES, tls_context

HTTP_TRANSFER_TIMEOUT_S: Final = 5.0
HTTP_TRANSFER_CHUNK_BYTES: Final = 1 << 16
HTTP_SLOW_START_S: Final = 2.0
ENDLESS_BODY_BYTES: Final = 1 << 40
"""More than any line carries in the time: the length that an upload announces."""


def parse_url(url: str) -> SplitResult:
    """The parts of a URL. Raises UsageError."""
    found = urlsplit(url)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise UsageError(
            phrase('"{url}" is not the URL of a page.', url=url), remedy="http://HOST/FILE, say."
        )
    return found


def measure_rates(
    url: SplitResult, binding: UplinkBinding, *, seconds: int, download: bool
) -> list[float]:
    """Bits per second, for each second. Raises NotAppliedError."""
    try:
        with _connect(url, binding) as opened:
            return _measure_per_second(opened, url, seconds=seconds, download=download)
    except OSError as error:
        reason = error_text(error) if error.errno else str(error) or "no answer"
        raise NotAppliedError(
            phrase("{url}: {reason}.", url=url.geturl(), reason=as_phrase(reason))
        ) from error
    except NotHttpError as error:
        raise NotAppliedError(
            phrase("{url}: what answers there is no web server.", url=url.geturl())
        ) from error


@contextmanager
def _connect(url: SplitResult, binding: UplinkBinding) -> Iterator[socket.socket]:
    assert url.hostname is not None
    port = url.port or (443 if url.scheme == "https" else 80)
    family, kind, _, _, place = socket.getaddrinfo(
        url.hostname, port, family=socket.AF_INET, type=socket.SOCK_STREAM
    )[0]
    with open_socket(binding, family, kind) as bare:
        bare.settimeout(HTTP_TRANSFER_TIMEOUT_S)
        bare.connect(place)
        if url.scheme == "http":
            yield bare
            return
        secured = tls_context().wrap_socket(bare, server_hostname=url.hostname)
        with secured:
            yield secured


def _measure_per_second(
    opened: socket.socket, url: SplitResult, *, seconds: int, download: bool
) -> list[float]:
    """The bits per second of each whole second after the slow start."""
    exchange = HttpExchange(_request(url, download=download))
    opened.sendall(exchange.request_bytes)
    if download:
        _require_page(opened, exchange, url)
    begun, counts = time.monotonic(), [0] * (seconds + int(HTTP_SLOW_START_S))
    content = bytes(HTTP_TRANSFER_CHUNK_BYTES)
    while (second := int(time.monotonic() - begun)) < len(counts):
        if download:
            count = exchange.receive_body(opened.recv(HTTP_TRANSFER_CHUNK_BYTES))
        else:
            count = opened.send(content)
        if count is None:
            break
        counts[second] += count
    whole = counts[int(HTTP_SLOW_START_S) : int(time.monotonic() - begun)]
    if not whole:
        raise NotAppliedError(
            phrase("{url} ends too soon to be measured.", url=url.geturl())
            if download
            else phrase("{url} takes too little to be measured.", url=url.geturl()),
            remedy="A larger file, or iperf3 by --server.",
        )
    return [count * 8.0 for count in whole]


def _require_page(opened: socket.socket, exchange: HttpExchange, url: SplitResult) -> None:
    """Read the head of the answer. Raises NotAppliedError where it is not the page itself."""
    until, status = time.monotonic() + HTTP_TRANSFER_TIMEOUT_S, None
    while status is None:
        if time.monotonic() > until:
            raise TimeoutError("no answer")
        status = exchange.receive_status(opened.recv(HTTP_READ_BYTES))
    if status != HTTPStatus.OK:
        raise NotAppliedError(
            phrase(
                "{url} answers with status {status}, not with a file.",
                url=url.geturl(),
                status=status,
            ),
            remedy="Name a page that answers with 200.",
        )


def _request(url: SplitResult, *, download: bool) -> HttpRequest:
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.netloc.rpartition("@")[2]
    if download:
        return HttpRequest(method="GET", host=host, path=path)
    return HttpRequest(method="POST", host=host, path=path, body_length=ENDLESS_BODY_BYTES)
