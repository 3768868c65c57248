"""A page over HTTP or HTTPS: whether what answers is the internet or a captive portal.

asyncio's streams instead of an HTTP library: a status line is all that is read, and the library
would cost more start-up time than everything else together. RFC 9112, RFC 6585 (511).
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Final

from lbrouter.kernel.probe import tcp
from lbrouter.kernel.probe.bound_socket import Line, failure_of, handshake_rtt, words_of
from lbrouter.kernel.probe.in_flight import Pending
from lbrouter.model.events import Failure
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.targets import PORTS, Target, TargetKind

LONGEST_LINE: Final = 4096
STATUS_LINE: Final = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: .*)?\r?\n")
FETCHED: Final = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})

WRONG_TIME: Final = frozenset({9, 10})
"""OpenSSL: not yet valid, expired. Often our own clock after a boot without a battery."""


def fetch(line: Line, address: IpAddress, target: Target, pending: Pending) -> Callable[[], object]:
    """A probe: GET the target's path from `address`. Raises OSError.

    The round trip that is told is the handshake's: what the server takes to think is not the line.
    """
    opened = tcp.start(line, address, target.port)
    task = asyncio.get_running_loop().create_task(_judge(opened, target, pending))
    # A stream that owns the socket has let go of it by then.
    task.add_done_callback(lambda _: opened.close())
    return task.cancel


async def _judge(opened: socket.socket, target: Target, pending: Pending) -> None:
    rtt_s = 0.0
    try:
        await _handshaken(opened)
        rtt_s = handshake_rtt(opened, elapsed_s=pending.elapsed_s)
        reason, detail = verdict(await _status(opened, target), target)
    except ssl.SSLCertVerificationError as error:
        reason, detail = _distrust(error)
    except ssl.SSLError as error:
        reason, detail = Failure.NONSENSE, f"no TLS: {error.reason}"
    except OSError as error:
        reason, detail = failure_of(error), words_of(error)
    except (ValueError, EOFError, asyncio.LimitOverrunError):
        reason, detail = Failure.NONSENSE, "no HTTP"
    if reason is None:
        pending.answered(rtt_s)
    else:
        pending.failed(reason, detail)


async def _handshaken(opened: socket.socket) -> None:
    """Wait for the end of the handshake. Raises OSError."""
    loop = asyncio.get_running_loop()
    decided = asyncio.Event()
    loop.add_writer(opened, decided.set)
    try:
        await decided.wait()
    finally:
        loop.remove_writer(opened)
    if error := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


async def _status(opened: socket.socket, target: Target) -> int:
    """Ask for the page; the stream owns the socket from here on."""
    secure = target.kind is TargetKind.HTTPS
    reader, writer = await asyncio.open_connection(
        sock=opened,
        limit=LONGEST_LINE,
        ssl=trust() if secure else None,
        server_hostname=target.host if secure else None,
    )
    try:
        writer.write(request(target))
        match = STATUS_LINE.fullmatch(await reader.readuntil(b"\n"))
    finally:
        writer.transport.abort()
    if match is None:
        raise ValueError
    return int(match[1])


@cache
def trust() -> ssl.SSLContext:
    """The certificates that this machine trusts. Once in a process: 20 ms and 2 MB."""
    return ssl.create_default_context()


def request(target: Target) -> bytes:
    """The request for the target's page."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == PORTS[target.kind] else f":{target.port}"
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {host}{port}",
        "User-Agent: lbrouter",
        "Cache-Control: no-cache",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _distrust(error: ssl.SSLCertVerificationError) -> tuple[Failure, str]:
    if error.verify_code in WRONG_TIME:
        return Failure.NONSENSE, "the certificate is not valid now; is this machine's clock right?"
    return Failure.PORTAL, f"wrong certificate: {error.verify_message}"


def verdict(status: int, target: Target) -> tuple[Failure | None, str]:
    """What a status says. Where the path ends in "204", a page with content is a portal's."""
    wanted = {HTTPStatus.NO_CONTENT} if target.path.endswith("204") else FETCHED
    if status in wanted:
        return None, ""
    portals = {HTTPStatus.OK, HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED}
    if status in portals or 300 <= status < 400:
        return Failure.PORTAL, f"status {status}"
    return Failure.NONSENSE, f"status {status}"
