"""DNS on the wire, and one question over UDP. RFC 1035.

Any well-formed answer to our question counts, "server failure" too: the line carried it. It must
come from the server that we asked (a connected socket receives nothing else), with our id and
question.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from ipaddress import ip_address
from struct import Struct
from typing import Final

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

DNS_HEADER: Final = Struct("!HHHHHH")
"""Id, flags, and how many questions, answers, authorities, additional records follow."""

DNS_RECORD_HEADER: Final = Struct("!HHIH")
"""Type, class, time to live, length of the data."""

DNS_FLAG_RECURSION_DESIRED: Final = 0x0100
DNS_FLAG_RESPONSE: Final = 0x8000
DNS_OPCODE_MASK: Final = 0x7800
DNS_CLASS_IN: Final = 1
DNS_NAME_POINTER: Final = 0xC0
MAX_DNS_LABELS: Final = 128
MAX_DNS_RECORDS: Final = 64


class RecordType(IntEnum):
    """Types of records that are asked for."""

    A = 1
    NS = 2
    AAAA = 28


def encode_question(name: str, kind: RecordType) -> bytes:
    """The question for records of `kind`; the name "" is the root."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    written = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return written + kind.to_bytes(2, "big") + DNS_CLASS_IN.to_bytes(2, "big")


ROOT_NS_QUESTION: Final = encode_question("", RecordType.NS)
"""What a probe asks: every resolver knows it, no answer is shorter to look up."""


def is_answer(message: bytes, identifier: int, asked: bytes) -> bool:
    """Whether `message` answers `asked`. Names are compared as sent: no resolver alters them."""
    if len(message) < DNS_HEADER.size:
        return False
    found, flags, questions, *_ = DNS_HEADER.unpack_from(message)
    if found != identifier or not flags & DNS_FLAG_RESPONSE or flags & DNS_OPCODE_MASK:
        return False
    # A server that cannot even parse a question (RCODE 1) may leave it out.
    return questions == 0 or message[DNS_HEADER.size :].startswith(asked)


def parse_addresses(message: bytes, asked: bytes, kind: RecordType) -> list[IpAddress]:
    """The addresses in an answer to `asked`; none where it is cut off or malformed."""
    found: list[IpAddress] = []
    _, _, questions, records, *_ = DNS_HEADER.unpack_from(message)
    at = DNS_HEADER.size + len(asked) * questions
    for _ in range(min(records, MAX_DNS_RECORDS)):
        at = _skip_name(message, at)
        if at + DNS_RECORD_HEADER.size > len(message):
            break
        is_kind, _, _, length = DNS_RECORD_HEADER.unpack_from(message, at)
        data = message[at + DNS_RECORD_HEADER.size : at + DNS_RECORD_HEADER.size + length]
        at += DNS_RECORD_HEADER.size + length
        if is_kind == kind and len(data) == (4 if kind is RecordType.A else 16):
            found.append(ip_address(data))
    return found


def _skip_name(message: bytes, at: int) -> int:
    """Where the name at `at` ends; past the end of the message where it does not end."""
    for _ in range(MAX_DNS_LABELS):
        if at >= len(message):
            break
        if message[at] >= DNS_NAME_POINTER:
            return at + 2
        if message[at] == 0:
            return at + 1
        at += 1 + message[at]
    return len(message)


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
