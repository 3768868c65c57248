"""A page over HTTP or HTTPS: whether what answers is the internet or a captive portal.

RFC 9112, RFC 6585 (511).
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from lbrouter.kernel.probe import tcp
from lbrouter.kernel.probe.bound_socket import (
    UplinkBinding,
    error_text,
    failure_from_error,
    handshake_rtt,
)
from lbrouter.kernel.probe.in_flight import InFlightProbe
from lbrouter.model.events import ProbeFailure
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.targets import ProbeTarget, TargetKind
from lbrouter.system.http_client import fetch_status, target_request, tls_context

SUCCESS_STATUSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})

CERTIFICATE_TIME_ERRORS: Final = frozenset({9, 10})
"""OpenSSL: not yet valid, expired. Often our own clock after a boot without a battery."""


def probe_http(
    binding: UplinkBinding, address: IpAddress, target: ProbeTarget, pending: InFlightProbe
) -> Callable[[], object]:
    """A probe: GET the target's path from `address`. Raises OSError.

    The round trip is the handshake's: the time that the server takes does not count.
    """
    opened = tcp.start_handshake(binding, address, target.port)
    task = asyncio.get_running_loop().create_task(_run_probe(opened, target, pending))
    # A stream that owns the socket has closed it by then.
    task.add_done_callback(lambda _: opened.close())
    return task.cancel


async def _run_probe(opened: socket.socket, target: ProbeTarget, pending: InFlightProbe) -> None:
    rtt_s = 0.0
    try:
        await _wait_connected(opened)
        rtt_s = handshake_rtt(opened, elapsed_s=pending.elapsed_s)
        reason, detail = classify_status(await _fetch_status(opened, target), target)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in CERTIFICATE_TIME_ERRORS:
            reason = ProbeFailure.WRONG_ANSWER
            detail = "the certificate is not valid now; is this machine's clock right?"
        else:
            reason = ProbeFailure.CAPTIVE_PORTAL
            detail = f"wrong certificate: {error.verify_message}"
    except ssl.SSLError as error:
        reason, detail = ProbeFailure.WRONG_ANSWER, phrase("no TLS: {reason}", reason=error.reason)
    except OSError as error:
        reason, detail = failure_from_error(error), error_text(error)
    except ValueError:
        reason, detail = ProbeFailure.WRONG_ANSWER, "no HTTP"
    if reason is None:
        pending.report_answered(rtt_s)
    else:
        pending.report_lost(reason, detail)


async def _wait_connected(opened: socket.socket) -> None:
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


async def _fetch_status(opened: socket.socket, target: ProbeTarget) -> int:
    """Ask for the page; the stream owns the socket from here on."""
    secure = target.kind is TargetKind.HTTPS
    reader, writer = await asyncio.open_connection(
        sock=opened,
        ssl=tls_context() if secure else None,
        server_hostname=target.host if secure else None,
    )
    request = target_request("GET", target, headers={"Cache-Control": "no-cache"})
    try:
        return await fetch_status(reader, writer, request)
    finally:
        writer.transport.abort()


def classify_status(status: int, target: ProbeTarget) -> tuple[ProbeFailure | None, str]:
    """What a status says. Where the path ends in "204", a page with content is a portal's."""
    wanted = {HTTPStatus.NO_CONTENT} if target.path.endswith("204") else SUCCESS_STATUSES
    if status in wanted:
        return None, ""
    portals = {HTTPStatus.OK, HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED}
    if status in portals or 300 <= status < 400:
        return ProbeFailure.CAPTIVE_PORTAL, f"status {status}"
    return ProbeFailure.WRONG_ANSWER, f"status {status}"
