"""A TCP handshake: three packets, and the shortest end that leaves no state behind.

A RST in answer counts as an answer: the host is alive and the line carried both packets. (A
transparent firewall at the provider may forge it; two targets by other means tell.)
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
    Line,
    failure_of,
    family_of,
    handshake_rtt,
    hear_errors,
    open_socket,
    words_of,
)
from lbrouter.kernel.probe.in_flight import Pending
from lbrouter.model.kernel_state import IpAddress

LINGER: Final = Struct("@ii")

ALIVE: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""RST before, and RST after the handshake."""

ERROR_QUEUE: Final = 0x2000
"""MSG_ERRQUEUE: where the kernel keeps ICMP errors for a socket that wants to hear of them."""


def connect(line: Line, address: IpAddress, port: int, pending: Pending) -> Callable[[], None]:
    """A probe: the handshake with `address`. Raises OSError."""
    opened = start(line, address, port)
    loop = asyncio.get_running_loop()
    loop.add_writer(opened, partial(_decided, opened, pending))

    def close() -> None:
        loop.remove_writer(opened)
        opened.close()

    return close


def start(line: Line, address: IpAddress, port: int) -> socket.socket:
    """A socket whose handshake is under way, and which ends in a RST. Raises OSError."""
    opened = open_socket(line, family_of(address), socket.SOCK_STREAM)
    try:
        hear_errors(opened)
        # FIN would leave an entry in connection tracking for two minutes, for each probe.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 0))
        error = opened.connect_ex((str(address), port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))  # noqa: TRY301  -- as `connect` would
    except OSError:
        opened.close()
        raise
    return opened


def _decided(opened: socket.socket, pending: Pending) -> None:
    error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error == 0:
        pending.answered(handshake_rtt(opened, elapsed_s=pending.elapsed_s))
    elif error in ALIVE and not _by_icmp(opened):
        pending.answered(pending.elapsed_s)
    else:
        failed = OSError(error, "")
        pending.failed(failure_of(failed), words_of(failed))


def _by_icmp(opened: socket.socket) -> bool:
    """Whether a router said "port unreachable", which reads ECONNREFUSED as well."""
    try:
        opened.recvmsg(0, 512, ERROR_QUEUE)
    except OSError:
        return False
    return True
