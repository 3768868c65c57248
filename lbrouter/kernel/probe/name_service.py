"""Whether a resolver on this machine gets an answer for a name, asked once and waited for."""

import os
import socket
import time
from contextlib import suppress
from typing import Final

from lbrouter.compile.wire.dns_message import (
    DNS_FLAG_RECURSION_DESIRED,
    DNS_HEADER,
    DNS_RCODE_MASK,
    RecordType,
    encode_question,
    is_answer,
)
from lbrouter.kernel.probe.bound_socket import address_family
from lbrouter.model.kernel_state import IpAddress

NAME_ANSWER_TIMEOUT_S: Final = 2.0
DNS_MESSAGE_BYTES: Final = 4096
ANSWERED_RCODES: Final = frozenset({0, 3, 5})
"""No error, "no such name", "refused": a resolver beyond has answered. RFC 1035, 4.1.1."""


def answers_names(server: IpAddress, *, timeout_s: float = NAME_ANSWER_TIMEOUT_S) -> bool:
    """Whether `server` answers for a name that it cannot have in its cache. Waits for it."""
    identifier = int.from_bytes(os.urandom(2), "big")
    asked = encode_question(f"{os.urandom(6).hex()}.example.com", RecordType.A)
    header = DNS_HEADER.pack(identifier, DNS_FLAG_RECURSION_DESIRED, 1, 0, 0, 0)
    until = time.monotonic() + timeout_s
    with (
        suppress(OSError),
        socket.socket(address_family(server), socket.SOCK_DGRAM) as opened,
    ):
        opened.connect((str(server), 53))
        opened.send(header + asked)
        while (left := until - time.monotonic()) > 0:
            opened.settimeout(left)
            message = opened.recv(DNS_MESSAGE_BYTES)
            if is_answer(message, identifier, asked):
                _, flags, *_ = DNS_HEADER.unpack_from(message)
                return flags & DNS_RCODE_MASK in ANSWERED_RCODES
    return False
