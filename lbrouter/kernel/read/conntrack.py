"""Connections with their marks and bytes, from ctnetlink, read by hand.

pyroute2 decodes 100,000 connections in 8 s; a reader that takes five attributes of each needs a
tenth of it. linux/netfilter/nfnetlink_conntrack.h has the numbers.
"""

import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from lbrouter.kernel.netlink.codec import ATTRIBUTE, NESTED_MASK, NLMSG

NETLINK_NETFILTER: Final = 12
GET: Final = 1 << 8 | 1
"""Subsystem ctnetlink, IPCTNL_MSG_CT_GET."""

REQUEST_DUMP: Final = 0x301
NFGENMSG: Final = Struct("=BBH")
ERROR, DONE = 2, 3
ERRNO: Final = Struct("=i")

TUPLE_ORIG, MARK, COUNTERS_ORIG, COUNTERS_REPLY, IDENT = 1, 8, 9, 10, 12
TUPLE_IP, V4_SRC, V6_SRC, BYTES = 1, 1, 3, 2

CHUNK: Final = 1 << 17
PATIENCE_S: Final = 5.0


class Flow(NamedTuple):
    """A connection: its id, who opened it (4 or 16 bytes), its mark, and bytes both ways.

    `sent` and `received` are None for a connection that was opened before the kernel counted bytes
    (net.netfilter.nf_conntrack_acct).
    """

    ident: int
    source: bytes
    mark: int
    sent: int | None
    received: int | None


def flows() -> list[Flow]:
    """All connections of this thread's namespace. Raises OSError (EPERM without CAP_NET_ADMIN)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as opened:
        opened.settimeout(PATIENCE_S)
        size = NLMSG.size + NFGENMSG.size
        head = NLMSG.pack(size, GET, REQUEST_DUMP, 1, 0)
        opened.send(head + NFGENMSG.pack(socket.AF_UNSPEC, 0, 0))
        return list(_answers(opened))


def _answers(opened: socket.socket) -> Iterator[Flow]:
    while True:
        data = opened.recv(CHUNK)
        start = 0
        while start + NLMSG.size <= len(data):
            length, kind, _, _, _ = NLMSG.unpack_from(data, start)
            if kind == DONE:
                return
            if kind == ERROR:
                number = -ERRNO.unpack_from(data, start + NLMSG.size)[0]
                raise OSError(number, os.strerror(number))
            if length < NLMSG.size:
                raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
            yield _flow(data, start + NLMSG.size + NFGENMSG.size, start + length)
            start += (length + 3) & ~3


def _flow(data: bytes, start: int, end: int) -> Flow:
    found = _taken(data, start, end)
    inside = found.get(TUPLE_ORIG)
    addresses = _taken(data, *_taken(data, *inside)[TUPLE_IP]) if inside else {}
    source = addresses.get(V4_SRC) or addresses.get(V6_SRC) or (0, 0)
    return Flow(
        ident=_number(data, found.get(IDENT)) or 0,
        source=data[slice(*source)],
        mark=_number(data, found.get(MARK)) or 0,
        sent=_bytes(data, found.get(COUNTERS_ORIG)),
        received=_bytes(data, found.get(COUNTERS_REPLY)),
    )


Span = tuple[int, int]
"""Where an attribute's content begins and ends."""


def _taken(data: bytes, start: int, end: int) -> dict[int, Span]:
    """Attributes between `start` and `end`: where each one's content lies."""
    found = {}
    unpack = ATTRIBUTE.unpack_from
    while start + 4 <= end:
        length, kind = unpack(data, start)
        if length < 4:
            break
        found[kind & NESTED_MASK] = (start + 4, start + length)
        start += (length + 3) & ~3
    return found


def _bytes(data: bytes, span: Span | None) -> int | None:
    return None if span is None else _number(data, _taken(data, *span).get(BYTES))


def _number(data: bytes, span: Span | None) -> int | None:
    """An unsigned integer in network order."""
    return None if span is None else int.from_bytes(data[slice(*span)], "big")
