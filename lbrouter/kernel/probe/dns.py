"""One DNS question over UDP.

Any well-formed answer to our question counts, "server failure" too: the line carried it. It must
come from the server that we asked (a connected socket receives nothing else), with our id and
question.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from functools import partial

from lbrouter.compile.wire.dns_message import (
    DNS_FLAG_RECURSION_DESIRED,
    DNS_HEADER,
    ROOT_NS_QUESTION,
    is_answer,
)
from lbrouter.kernel.probe.bound_socket import (
    UplinkBinding,
    address_family,
    enable_error_reports,
    error_text,
    failure_from_error,
    open_socket,
    receive,
)
from lbrouter.kernel.probe.in_flight import InFlightProbe
from lbrouter.model.kernel_state import IpAddress


def probe_dns(
    binding: UplinkBinding, address: IpAddress, port: int, pending: InFlightProbe
) -> Callable[[], None]:
    """A probe: the root's name servers, asked of a resolver. Raises OSError."""
    query = DnsQuery(binding, address, port, ROOT_NS_QUESTION)
    query.listen(
        on_answer=lambda _, arrived_at: pending.report_answered(
            arrived_at - pending.sent_at, arrived_at=arrived_at
        ),
        on_error=lambda error: pending.report_lost(failure_from_error(error), error_text(error)),
    )
    return query.close


class DnsQuery:
    """One question over a socket, and so a port, of its own: port and id are hard to guess."""

    def __init__(self, binding: UplinkBinding, address: IpAddress, port: int, asked: bytes) -> None:
        """Sends it. Raises OSError."""
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._question = asked
        self._socket = open_socket(binding, address_family(address), socket.SOCK_DGRAM)
        try:
            enable_error_reports(self._socket)
            self._socket.connect((str(address), port))
            self._socket.send(
                DNS_HEADER.pack(self._identifier, DNS_FLAG_RECURSION_DESIRED, 1, 0, 0, 0) + asked
            )
        except OSError:
            self._socket.close()
            raise

    def listen(
        self, *, on_answer: Callable[[bytes, float], None], on_error: Callable[[OSError], None]
    ) -> None:
        """`on_answer` gets each answer and its arrival time; `on_error` an error of the socket."""
        readable = partial(self._on_readable, on_answer, on_error)
        asyncio.get_running_loop().add_reader(self._socket, readable)

    def close(self) -> None:
        """Stop listening."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _on_readable(
        self, on_answer: Callable[[bytes, float], None], on_error: Callable[[OSError], None]
    ) -> None:
        try:
            message, _, arrived_at = receive(self._socket)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                on_error(error)
            return
        if is_answer(message, self._identifier, self._question):
            on_answer(message, arrived_at)
