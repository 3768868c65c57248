"""DNS on the wire (RFC 1035): our questions, and what an answer holds. Input is not trusted."""

from enum import IntEnum
from ipaddress import ip_address
from struct import Struct
from typing import Final

from lbrouter.model.kernel_state import IpAddress

DNS_PORT: Final = 53

DNS_HEADER: Final = Struct("!HHHHHH")
"""Id, flags, and how many questions, answers, authorities, additional records follow."""

DNS_RECORD_HEADER: Final = Struct("!HHIH")
"""Type, class, time to live, length of the data."""

DNS_FLAG_RECURSION_DESIRED: Final = 0x0100
DNS_FLAG_RESPONSE: Final = 0x8000
DNS_RCODE_MASK: Final = 0x000F
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


def parse_dns_addresses(message: bytes, asked: bytes, kind: RecordType) -> list[IpAddress]:
    """The addresses in an answer to `asked`; none where it is cut off or malformed."""
    found: list[IpAddress] = []
    if len(message) < DNS_HEADER.size:
        return found
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
