"""Router advertisements of a link, as the kernel hands them to a raw socket (RFC 3542).

A raw socket, past the kernel's own `accept_ra`, which is 0: what the kernel takes in stands in
`main`, in front of every policy. The kernel has checked the checksum; that a message comes from the
link itself (hop limit 255, a link-local source) is checked here (RFC 4861, 6.1.2).
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from struct import Struct
from types import TracebackType
from typing import Final, Self

from lbrouter.compile.ra.advertisement import (
    ADVERTISEMENT_TYPE,
    RouterAdvertisement,
    decode_advertisement,
)
from lbrouter.kernel.l2.frame import ND_HOP_LIMIT

ICMP6_FILTER: Final = 1
"""linux/icmpv6.h; its value has a bit for each type, and a set bit blocks the type."""

ICMP6_FILTER_WORDS: Final = 8
HOP_LIMIT_DATA: Final = Struct("=i")
PKTINFO_DATA: Final = Struct("=16sI")
"""struct in6_pktinfo: to which address, by which interface."""

ADVERTISEMENT_BYTES: Final = 2048
ADVERTISEMENT_QUEUE_BYTES: Final = 32_768
"""A flood fills the queue of its own link, and is read no faster than this socket is asked."""

MAX_ADVERTISEMENTS_PER_READ: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAdvertisement:
    """An advertisement, its sender, and the index of the interface by which it came."""

    index: int
    source: IPv6Address
    advertisement: RouterAdvertisement


class AdvertisementSocket:
    """Receives on `interface`, or on every one where that is "". Raises OSError."""

    def __init__(self, interface: str = "") -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        # Nothing but advertisements, from the first packet on.
        self._socket = socket.socket(socket.AF_INET6, kind, socket.IPPROTO_ICMPV6)
        try:
            self._socket.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, _type_filter())
            for option in (socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVPKTINFO):
                self._socket.setsockopt(socket.IPPROTO_IPV6, option, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ADVERTISEMENT_QUEUE_BYTES)
            if interface:
                name = interface.encode() + b"\0"
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Receive no more."""
        self._socket.close()

    def received(self) -> Iterator[ReceivedAdvertisement]:
        """What has come since the last call, without waiting; of a flood the first ones."""
        space = socket.CMSG_SPACE(HOP_LIMIT_DATA.size) + socket.CMSG_SPACE(PKTINFO_DATA.size)
        for _ in range(MAX_ADVERTISEMENTS_PER_READ):
            try:
                data, ancillary, _, sender = self._socket.recvmsg(ADVERTISEMENT_BYTES, space)
            except OSError:  # nothing more, or the interface is gone
                return
            found = _received(data, ancillary, str(sender[0]))
            if found is not None:
                yield found


def _type_filter() -> bytes:
    words = [0xFFFFFFFF] * ICMP6_FILTER_WORDS
    words[ADVERTISEMENT_TYPE >> 5] &= ~(1 << (ADVERTISEMENT_TYPE & 31))
    return Struct(f"={ICMP6_FILTER_WORDS}I").pack(*words)


def _received(
    data: bytes, ancillary: list[tuple[int, int, bytes]], sender: str
) -> ReceivedAdvertisement | None:
    values = {kind: value for level, kind, value in ancillary if level == socket.IPPROTO_IPV6}
    (hop_limit,) = HOP_LIMIT_DATA.unpack(values.get(socket.IPV6_HOPLIMIT, bytes(4)))
    _, index = PKTINFO_DATA.unpack(values.get(socket.IPV6_PKTINFO, bytes(20)))
    try:
        source = IPv6Address(sender.partition("%")[0])
    except AddressValueError:
        return None
    advertisement = decode_advertisement(data)
    if hop_limit != ND_HOP_LIMIT or not source.is_link_local or advertisement is None:
        return None
    return ReceivedAdvertisement(index=index, source=source, advertisement=advertisement)
