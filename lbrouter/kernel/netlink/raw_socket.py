"""Netlink without pyroute2: a socket, a request, and a dump whose messages the caller reads.

For what is read several times a second, or has a hundred thousand entries. The socket is open for
one task, in the network namespace of the calling thread.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from lbrouter.kernel.netlink.codec import NLATTR, NLMSG_MIN_TYPE, NLMSGHDR
from lbrouter.kernel.netlink.uapi import (
    DUMP_REQUEST_FLAGS,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_CODE,
)

NETLINK_RECEIVE_BYTES: Final = 1 << 17


class RawSpan(NamedTuple):
    """One message in a buffer: its type and sequence number, and where its body is."""

    kind: int
    sequence: int
    start: int
    end: int


@contextmanager
def open_socket(protocol: int, *, timeout_s: float) -> Iterator[socket.socket]:
    """A socket for requests, of NETLINK_ROUTE or another protocol. Raises OSError."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, protocol) as opened:
        opened.settimeout(timeout_s)
        yield opened


def dump(
    protocol: int, kind: int, body: bytes, *, timeout_s: float
) -> Iterator[tuple[bytes, int, int]]:
    """Each answer to a dump request: a buffer, and where in it the answer's body is.

    The dump goes on as its reader takes from it, and ends with it. Raises OSError.
    """
    with open_socket(protocol, timeout_s=timeout_s) as opened:
        opened.sendall(encode_message(kind, body, flags=DUMP_REQUEST_FLAGS))
        while True:
            data = opened.recv(NETLINK_RECEIVE_BYTES)
            for found, _, start, end in split_messages(data):
                if found == NLMSG_DONE:
                    return
                if found == NLMSG_ERROR:
                    number = -NLMSGERR_CODE.unpack_from(data, start)[0]
                    raise OSError(number, os.strerror(number))
                if found >= NLMSG_MIN_TYPE:
                    yield data, start, end


def split_messages(data: bytes) -> Iterator[RawSpan]:
    """The messages of a datagram, up to one whose length makes no sense."""
    at = 0
    while at + NLMSGHDR.size <= len(data):
        length, kind, _, sequence, _ = NLMSGHDR.unpack_from(data, at)
        if length < NLMSGHDR.size:
            return
        yield RawSpan(kind, sequence, at + NLMSGHDR.size, at + length)
        at += (length + 3) & ~3


def encode_message(kind: int, body: bytes, *, flags: int, sequence: int = 1) -> bytes:
    """A request, with its header."""
    return NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, sequence, 0) + body


def encode_attribute(number: int, content: bytes) -> bytes:
    """One attribute, padded to a multiple of four bytes."""
    size = NLATTR.size + len(content)
    return NLATTR.pack(size, number) + content + bytes(-size % 4)
