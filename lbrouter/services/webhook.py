"""A message to a web page: one POST over HTTP/1.1, of which only the status is read.

The gateway's own traffic follows table 7000, so this leaves by an uplink that works. The whole
exchange has a deadline.
"""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.targets import ProbeTarget, TargetKind
from lbrouter.system.http_client import fetch_status, target_request, tls_context

_RESOLVER_POOL: Final = ThreadPoolExecutor(1, thread_name_prefix="webhook")
"""Of its own: a resolver that hangs must not take a thread that polls the carriers."""


async def post(target: ProbeTarget, body: bytes, *, within_s: float) -> None:
    """Deliver `body` (JSON). Raises OSError with a reason in which the path does not appear."""
    try:
        async with asyncio.timeout(within_s):
            status = await _exchange(target, body)
    except TimeoutError:
        raise OSError(phrase("no answer within {time} s", time=f"{within_s:g}")) from None
    except ssl.SSLError as error:
        raise OSError(phrase("no TLS: {reason}", reason=error.reason)) from error
    except ValueError:
        raise OSError(phrase("no HTTP")) from None
    if not 200 <= status < 300:
        raise OSError(phrase("status {status}", status=status))


async def _exchange(target: ProbeTarget, body: bytes) -> int:
    """The status of the answer."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = target_request("POST", target, headers=headers, body=body)
    reader, writer = await _connect(target)
    try:
        return await fetch_status(reader, writer, request)
    finally:
        writer.transport.abort()


async def _connect(target: ProbeTarget) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that accepts: some may be unreachable from here."""
    secure = target.kind is TargetKind.HTTPS
    failure: OSError | None = None
    for address in await _resolve(target):
        try:
            return await asyncio.open_connection(
                address,
                target.port,
                ssl=tls_context() if secure else None,
                server_hostname=target.host if secure else None,
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
    raise failure or OSError(phrase("{host} has no address", host=target.host))


async def _resolve(target: ProbeTarget) -> list[str]:
    """Addresses of the host, as the machine's own resolver says."""
    if target.address is not None:
        return [str(target.address)]
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        _RESOLVER_POOL,
        lambda: socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM),
    )
    return list(dict.fromkeys(str(each[4][0]) for each in found))
