"""DNS on the wire, and one question over UDP. RFC 1035.

Any well-formed answer to our question counts, "server failure" too: the line carried it. It must
come from whom we asked (a connected socket sees nothing else), with our id and our question.
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
    Line,
    failure_of,
    family_of,
    hear_errors,
    open_socket,
    receive,
    words_of,
)
from lbrouter.kernel.probe.in_flight import Pending
from lbrouter.model.kernel_state import IpAddress

HEADER: Final = Struct("!HHHHHH")
"""Id, flags, and how many questions, answers, authorities, additional records follow."""

RECORD: Final = Struct("!HHIH")
"""Type, class, time to live, length of the data."""

RECURSE: Final = 0x0100
IS_ANSWER: Final = 0x8000
OPERATION: Final = 0x7800
IN: Final = 1
POINTER: Final = 0xC0
LONGEST_NAME: Final = 128
MOST_RECORDS: Final = 64


class RecordType(IntEnum):
    """Types of records that are asked for."""

    A = 1
    NS = 2
    AAAA = 28


def question(name: str, kind: RecordType) -> bytes:
    """The question for records of `kind`; the name "" is the root."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    written = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return written + kind.to_bytes(2, "big") + IN.to_bytes(2, "big")


ROOT_SERVERS: Final = question("", RecordType.NS)
"""What a probe asks: every resolver knows it, no answer is shorter to look up."""


def is_answer(message: bytes, identifier: int, asked: bytes) -> bool:
    """Whether `message` answers `asked`. Names are compared as sent: no resolver alters them."""
    if len(message) < HEADER.size:
        return False
    found, flags, questions, *_ = HEADER.unpack_from(message)
    if found != identifier or not flags & IS_ANSWER or flags & OPERATION:
        return False
    # A server that cannot even parse a question (RCODE 1) may leave it out.
    return questions == 0 or message[HEADER.size :].startswith(asked)


def addresses(message: bytes, asked: bytes, kind: RecordType) -> list[IpAddress]:
    """The addresses in an answer to `asked`; none where it is cut off or malformed."""
    found: list[IpAddress] = []
    _, _, questions, records, *_ = HEADER.unpack_from(message)
    at = HEADER.size + len(asked) * questions
    for _ in range(min(records, MOST_RECORDS)):
        at = _after_name(message, at)
        if at + RECORD.size > len(message):
            break
        is_kind, _, _, length = RECORD.unpack_from(message, at)
        data = message[at + RECORD.size : at + RECORD.size + length]
        at += RECORD.size + length
        if is_kind == kind and len(data) == (4 if kind is RecordType.A else 16):
            found.append(ip_address(data))
    return found


def _after_name(message: bytes, at: int) -> int:
    """Where the name at `at` ends; past the end of the message where it does not end."""
    for _ in range(LONGEST_NAME):
        if at >= len(message):
            break
        if message[at] >= POINTER:
            return at + 2
        if message[at] == 0:
            return at + 1
        at += 1 + message[at]
    return len(message)


def ask(line: Line, address: IpAddress, port: int, pending: Pending) -> Callable[[], None]:
    """A probe: the root's name servers, asked of a resolver. Raises OSError."""
    asked = Question(line, address, port, ROOT_SERVERS)
    asked.listen(
        heard=lambda _, arrived_at: pending.answered(arrived_at - pending.sent_at),
        failed=lambda error: pending.failed(failure_of(error), words_of(error)),
    )
    return asked.close


class Question:
    """One question over a socket, and so a port, of its own: nobody can guess both port and id."""

    def __init__(self, line: Line, address: IpAddress, port: int, asked: bytes) -> None:
        """Sends it. Raises OSError."""
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._asked = asked
        self._socket = open_socket(line, family_of(address), socket.SOCK_DGRAM)
        try:
            hear_errors(self._socket)
            self._socket.connect((str(address), port))
            self._socket.send(HEADER.pack(self._identifier, RECURSE, 1, 0, 0, 0) + asked)
        except OSError:
            self._socket.close()
            raise

    def listen(
        self, *, heard: Callable[[bytes, float], None], failed: Callable[[OSError], None]
    ) -> None:
        """`heard` gets each answer and when it arrived; `failed` gets an error of the socket."""
        readable = partial(self._readable, heard, failed)
        asyncio.get_running_loop().add_reader(self._socket, readable)

    def close(self) -> None:
        """Stop listening."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _readable(
        self, heard: Callable[[bytes, float], None], failed: Callable[[OSError], None]
    ) -> None:
        try:
            message, _, arrived_at = receive(self._socket)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                failed(error)
            return
        if is_answer(message, self._identifier, self._asked):
            heard(message, arrived_at)
