"""ICMP and ICMPv6 echo: one raw socket for each uplink and family, answers matched by hand.

Raw, not a "ping" socket: those obey net.ipv4.ping_group_range, which is empty in a fresh
namespace, for root as well. RFC 792 and RFC 4443; for the filters raw(7) and RFC 3542.
"""

import asyncio
import errno
import os
import socket
from dataclasses import dataclass
from functools import partial
from typing import Final

from lbrouter.kernel.probe.bound_socket import Line, index_of, open_socket, receive
from lbrouter.kernel.probe.icmp import ECHO, Dialect, checksum, refused_echo
from lbrouter.kernel.probe.in_flight import Pending
from lbrouter.model.events import Failure
from lbrouter.model.kernel_state import IpAddress

TOKEN_SIZE: Final = 8
FILTER_OPTION: Final = 1
"""ICMP_FILTER (raw(7)) and ICMP6_FILTER (RFC 3542) alike."""

MOST_AT_ONCE: Final = 64
"""Datagrams read in one turn of the loop: a flood must not keep the other uplinks waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Out:
    """An echo request that is out."""

    address: str
    token: bytes
    pending: Pending


class Echo:
    """The echo requests of one uplink in one family.

    An answer counts when identifier, sequence, eight random bytes and the sender's address are
    those that were asked; "unreachable" counts when it quotes our request.
    """

    def __init__(self, line: Line, dialect: Dialect) -> None:
        self._line, self._dialect = line, dialect
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._out: dict[int, _Out] = {}
        self._socket: socket.socket | None = None
        self._index = 0

    def send(self, address: IpAddress, pending: Pending) -> partial[object]:
        """Ask `address`; returns what forgets the question. Raises OSError."""
        opened = self._opened()
        self._sequence = (self._sequence + 1) & 0xFFFF
        token = os.urandom(TOKEN_SIZE)
        try:
            opened.sendto(self._request(token), (str(address), 0))
        except OSError as error:
            if error.errno == errno.ENODEV:
                self.close()
            raise
        self._out[self._sequence] = _Out(address=str(address), token=token, pending=pending)
        return partial(self._out.pop, self._sequence, None)

    def close(self) -> None:
        """Close the socket; the next `send` opens another."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        """The socket; another one when the interface is not the same as at the last sending.

        It is bound to an index: a modem that was plugged in again has the name and another index,
        and after a renaming the index belongs to somebody else's interface.
        """
        index = index_of(self._line)
        if self._socket is not None and index == self._index:
            return self._socket
        self.close()
        opened = open_socket(
            self._line, self._dialect.family, socket.SOCK_RAW, self._dialect.protocol
        )
        opened.setsockopt(self._dialect.filter_level, FILTER_OPTION, self._dialect.filter)
        asyncio.get_running_loop().add_reader(opened, self._readable)
        self._socket, self._index = opened, index
        return opened

    def _request(self, token: bytes) -> bytes:
        head = (self._dialect.request, 0, 0, self._identifier, self._sequence)
        total = checksum(ECHO.pack(*head) + token)  # the kernel does it for ICMPv6 alone
        return ECHO.pack(*head[:2], total, *head[3:]) + token

    def _readable(self) -> None:
        for _ in range(MOST_AT_ONCE):
            if self._socket is None:
                return
            try:
                data, sender, arrived_at = receive(self._socket)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            self._heard(self._dialect.body(data), sender, arrived_at)

    def _heard(self, message: bytes, sender: str, arrived_at: float) -> None:
        if len(message) < ECHO.size:
            return
        kind, _, _, identifier, sequence = ECHO.unpack_from(message)
        if kind != self._dialect.reply:
            self._refused(message)
            return
        out = self._out.get(sequence) if identifier == self._identifier else None
        if out is not None and sender == out.address and message[ECHO.size :] == out.token:
            out.pending.answered(arrived_at - out.pending.sent_at)

    def _refused(self, message: bytes) -> None:
        refusal = refused_echo(message, self._dialect)
        if refusal is None or refusal.identifier != self._identifier:
            return
        out = self._out.get(refusal.sequence)
        if out is not None and refusal.destination == out.address:
            out.pending.failed(Failure.UNREACHABLE, refusal.reason)
