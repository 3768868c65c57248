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
from typing import Final, Protocol

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.wire.icmp_message import (
    ICMP_ECHO_HEADER,
    IcmpEchoReply,
    IcmpError,
    parse_icmp_packet,
)
from lbrouter.kernel.probe.bound_socket import (
    UplinkBinding,
    forbid_fragments,
    interface_index,
    open_socket,
    receive,
)
from lbrouter.kernel.probe.icmp import IcmpVariant
from lbrouter.model.events import ProbeFailure
from lbrouter.model.kernel_state import IpAddress

ECHO_TOKEN_BYTES: Final = 8
ICMP_FILTER_OPTION: Final = 1
"""ICMP_FILTER (raw(7)) and ICMP6_FILTER (RFC 3542) alike."""

MAX_ICMP_READS_PER_WAKEUP: Final = 64
"""Datagrams read per wakeup: a flood must not keep the other uplinks waiting."""


class EchoResult(Protocol):
    """What waits for the answer of one request: `InFlightProbe`, for example."""

    sent_at: float

    def report_answered(self, rtt_s: float, *, arrived_at: float | None = None) -> None:
        """The answer came, `rtt_s` after the sending; the kernel had it at `arrived_at`."""

    def report_lost(self, reason: ProbeFailure, detail: str = "", /) -> None:
        """No answer will come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EchoRequest:
    """An echo request that is out."""

    address: str
    token: bytes
    pending: EchoResult


class IcmpEchoSocket:
    """The echo requests of one uplink in one family.

    An answer counts when identifier, sequence, eight random bytes and the sender's address are
    those that were asked; "unreachable" counts when it quotes our request.
    """

    def __init__(
        self, binding: UplinkBinding, variant: IcmpVariant, *, may_fragment: bool = True
    ) -> None:
        self._binding, self._variant = binding, variant
        self._may_fragment = may_fragment
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._in_flight: dict[int, _EchoRequest] = {}
        self._socket: socket.socket | None = None
        self._index = 0

    def send(
        self, address: IpAddress, pending: EchoResult, *, padding_bytes: int = 0
    ) -> partial[object]:
        """Send a request to `address`; returns a function that drops it. Raises OSError.

        With `padding_bytes` the request is that much longer. Of its answer the first bytes count:
        some public resolvers cut a long one short.
        """
        opened = self._current_socket()
        self._sequence = (self._sequence + 1) & 0xFFFF
        token = os.urandom(ECHO_TOKEN_BYTES)
        try:
            opened.sendto(self._request(token + bytes(padding_bytes)), (str(address), 0))
        except OSError as error:
            if error.errno == errno.ENODEV:
                self.close()
            raise
        self._in_flight[self._sequence] = _EchoRequest(
            address=str(address), token=token, pending=pending
        )
        return partial(self._in_flight.pop, self._sequence, None)

    def close(self) -> None:
        """Close the socket; the next `send` opens another."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _current_socket(self) -> socket.socket:
        """The socket; another one when the interface is not the same as at the last sending.

        It is bound to an index: a modem that was plugged in again has the name and another index,
        and after a renaming the index belongs to another interface.
        """
        index = interface_index(self._binding)
        if self._socket is not None and index == self._index:
            return self._socket
        self.close()
        opened = open_socket(
            self._binding, self._variant.family, socket.SOCK_RAW, self._variant.numbers.protocol
        )
        opened.setsockopt(self._variant.filter_level, ICMP_FILTER_OPTION, self._variant.filter)
        if not self._may_fragment:
            forbid_fragments(opened)
        asyncio.get_running_loop().add_reader(opened, self._on_readable)
        self._socket, self._index = opened, index
        return opened

    def _request(self, body: bytes) -> bytes:
        head = (self._variant.numbers.request, 0, 0, self._identifier, self._sequence)
        total = internet_checksum(
            ICMP_ECHO_HEADER.pack(*head) + body + bytes(len(body) % 2)
        )  # the kernel does it for ICMPv6 alone
        return ICMP_ECHO_HEADER.pack(*head[:2], total, *head[3:]) + body

    def _on_readable(self) -> None:
        for _ in range(MAX_ICMP_READS_PER_WAKEUP):
            if self._socket is None:
                return
            try:
                data, sender, arrived_at = receive(self._socket)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            heard = parse_icmp_packet(data, self._variant.numbers)
            if isinstance(heard, IcmpEchoReply):
                self._handle_reply(heard, sender, arrived_at)
            elif heard is not None:
                self._handle_error(heard)

    def _handle_reply(self, reply: IcmpEchoReply, sender: str, arrived_at: float) -> None:
        known = reply.identifier == self._identifier
        out = self._in_flight.get(reply.sequence) if known else None
        if out is not None and sender == out.address and reply.body[:ECHO_TOKEN_BYTES] == out.token:
            rtt_s = arrived_at - out.pending.sent_at
            out.pending.report_answered(rtt_s, arrived_at=arrived_at)

    def _handle_error(self, refusal: IcmpError) -> None:
        if refusal.identifier != self._identifier:
            return
        out = self._in_flight.get(refusal.sequence)
        if out is not None and refusal.destination == out.address:
            out.pending.report_lost(ProbeFailure.UNREACHABLE, refusal.reason)
