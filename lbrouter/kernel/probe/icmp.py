"""ICMP and ICMPv6: what differs between the sockets of the families. raw(7), RFC 3542."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.wire.icmp_message import ICMP_NUMBERS_V4, ICMP_NUMBERS_V6, IcmpNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpVariant:
    """One family: its numbers and its socket filter."""

    family: socket.AddressFamily
    numbers: IcmpNumbers
    filter_level: int
    filter: bytes


def _block_all_except(width: int, *kinds: int) -> bytes:
    """A socket filter of `width` types, a bit for each; a set bit blocks."""
    words = [0xFFFFFFFF] * (width // 32)
    for kind in kinds:
        words[kind // 32] &= ~(1 << kind % 32)
    return struct.pack(f"={len(words)}I", *words)


ICMP_V4: Final = IcmpVariant(
    family=socket.AF_INET,
    numbers=ICMP_NUMBERS_V4,
    filter_level=socket.IPPROTO_RAW,
    filter=_block_all_except(32, 0, 3, 11),
)
ICMP_V6: Final = IcmpVariant(
    family=socket.AF_INET6,
    numbers=ICMP_NUMBERS_V6,
    filter_level=socket.IPPROTO_ICMPV6,
    filter=_block_all_except(256, 1, 3, 129),
)
