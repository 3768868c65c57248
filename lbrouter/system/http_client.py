"""HTTP/1.1 as a client, over sockets that the caller opened: one request, and its answer.

The protocol has no socket (`compile.wire.http_exchange`), so ours keep their mark and their device.
When an answer must be over is the caller's deadline.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final

from lbrouter.compile.wire.http_exchange import HttpExchange, HttpRequest
from lbrouter.model.sections.targets import DEFAULT_TARGET_PORTS, ProbeTarget

HTTP_READ_BYTES: Final = 4096


async def fetch_status(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: HttpRequest
) -> int:
    """Send `request` and wait for the status of its answer. Raises NotHttpError, OSError."""
    exchange = HttpExchange(request)
    writer.write(exchange.request_bytes)
    await writer.drain()
    while True:
        status = exchange.receive_status(await reader.read(HTTP_READ_BYTES))
        if status is not None:
            return status


def target_request(
    method: str, target: ProbeTarget, *, headers: Mapping[str, str], body: bytes = b""
) -> HttpRequest:
    """A request for the page of a target."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == DEFAULT_TARGET_PORTS[target.kind] else f":{target.port}"
    return HttpRequest(
        method=method, host=f"{host}{port}", path=target.path, headers=headers, body=body
    )


@cache
def tls_context() -> ssl.SSLContext:
    """The certificates that this machine trusts. Once in a process: 20 ms and 2 MB."""
    return ssl.create_default_context()
