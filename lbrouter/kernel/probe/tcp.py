"""A TCP handshake: three packets, and the shortest end that leaves no state behind.

A RST in answer counts as an answer: the host is alive and the line carried both packets. (A
transparent firewall at the provider may forge it; targets of other kinds show that.)
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Final

from lbrouter.kernel.probe.bound_socket import (
    UplinkBinding,
    address_family,
    enable_error_reports,
    error_text,
    failure_from_error,
    handshake_rtt,
    open_socket,
)
from lbrouter.kernel.probe.in_flight import InFlightProbe
from lbrouter.model.kernel_state import IpAddress

LINGER_STRUCT: Final = Struct("@ii")

HOST_ALIVE_ERRNOS: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""RST before, and RST after the handshake."""

MSG_ERRQUEUE: Final = 0x2000
"""MSG_ERRQUEUE: where the kernel keeps ICMP errors for a socket that asked for them."""


def probe_tcp(
    binding: UplinkBinding, address: IpAddress, port: int, pending: InFlightProbe
) -> Callable[[], None]:
    """A probe: the handshake with `address`. Raises OSError."""
    opened = start_handshake(binding, address, port)
    loop = asyncio.get_running_loop()
    loop.add_writer(opened, partial(_on_connected, opened, pending))

    def close() -> None:
        loop.remove_writer(opened)
        opened.close()

    return close


def start_handshake(binding: UplinkBinding, address: IpAddress, port: int) -> socket.socket:
    """A socket whose handshake is under way, and which ends in a RST. Raises OSError."""
    opened = open_socket(binding, address_family(address), socket.SOCK_STREAM)
    try:
        enable_error_reports(opened)
        # FIN would leave an entry in connection tracking for two minutes, for each probe.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_STRUCT.pack(1, 0))
        error = opened.connect_ex((str(address), port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))  # noqa: TRY301  -- as `connect` would
    except OSError:
        opened.close()
        raise
    return opened


def _on_connected(opened: socket.socket, pending: InFlightProbe) -> None:
    error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error == 0:
        pending.report_answered(handshake_rtt(opened, elapsed_s=pending.elapsed_s))
    elif error in HOST_ALIVE_ERRNOS and not _is_icmp_error(opened):
        pending.report_answered(pending.elapsed_s)
    else:
        failed = OSError(error, "")
        pending.report_lost(failure_from_error(failed), error_text(failed))


def _is_icmp_error(opened: socket.socket) -> bool:
    """Whether a router said "port unreachable", which reads ECONNREFUSED as well."""
    try:
        opened.recvmsg(0, 512, MSG_ERRQUEUE)
    except OSError:
        return False
    return True
