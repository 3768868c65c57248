"""`Monitor`: the announcements of the kernel, as they come, in the one loop.

Two sockets, rtnetlink's and nf_tables', read when they are readable. When the kernel had to drop
announcements (ENOBUFS), RESYNC is reported and the links are listed again, so that no carrier is
missed. The kernel does *not* announce the IPv4 routes that it removes with an interface
that goes down: a LINK notice is a reason to look at the routes as well.
"""

import asyncio
import errno
import socket
import sys
from types import TracebackType
from typing import Final, Self

from lbrouter.kernel.netlink.raw_socket import encode_attribute, encode_message, split_messages
from lbrouter.kernel.netlink.uapi import (
    DUMP_REQUEST_FLAGS,
    NETLINK_NETFILTER,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from lbrouter.kernel.objects.link_message import (
    IFINFOMSG,
    IFLA_EXT_MASK,
    RTEXT_FILTER_SKIP_STATS,
    RTM_GETLINK,
)
from lbrouter.kernel.read.monitor_parser import RTM_NEWLINK, Notice, NoticeKind, NoticeParser

__all__ = ["Monitor", "Notice", "NoticeKind"]

SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
SO_RCVBUFFORCE: Final = 33
MONITOR_RECEIVE_BUFFER_BYTES: Final = 1 << 20
"""Room for some thousand announcements; the kernel's default holds two hundred."""

RTNETLINK_GROUPS: Final = (1, 4, 5, 7, 8, 9, 11, 19, 24, 25)
"""linux/rtnetlink.h: links, traffic control, and for each family addresses, routes, rules and
settings (netconf)."""

NFNLGRP_NFTABLES: Final = 7

LINK_DUMP_SEQUENCE: Final = 0x4C
"""Sequence number of our requests: announcements of others carry those of their requests, and
another port."""

MAX_NETLINK_READS_PER_WAKEUP: Final = 128
"""Datagrams read per wakeup, so that a storm does not keep probes waiting."""

MAX_QUEUED_NOTICES: Final = 256
"""Notices, those of links aside, that wait for a slow reader; more are replaced by RESYNC."""

NOTICES_LOST: Final = Notice(kind=NoticeKind.RESYNC, detail="announcements were lost")


class Monitor:
    """`async with Monitor() as monitor: async for notice in monitor: ...`, in one namespace.

    The first notices are LINK of each interface as it is. Equal notices that wait are
    reported once, in the order of their last one.
    """

    def __init__(self) -> None:
        self._parser = NoticeParser()
        self._queue: dict[Notice, None] = {}
        self._available = asyncio.Event()
        self._closed = False
        self._unlisted_links: frozenset[int] | None = None
        self._relist_needed = False

    async def __aenter__(self) -> Self:
        self._rtnetlink_socket = _open_netlink_socket(socket.NETLINK_ROUTE, RTNETLINK_GROUPS)
        try:
            self._nftables_socket = _open_netlink_socket(NETLINK_NETFILTER, (NFNLGRP_NFTABLES,))
        except OSError:
            self._rtnetlink_socket.close()
            raise
        loop = asyncio.get_running_loop()
        loop.add_reader(self._rtnetlink_socket, self._on_readable, self._rtnetlink_socket)
        loop.add_reader(self._nftables_socket, self._on_readable, self._nftables_socket)
        self._list_links()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for opened in (self._rtnetlink_socket, self._nftables_socket):
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()
        self._closed = True
        self._available.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._available.clear()
            await self._available.wait()
        notice = next(iter(self._queue))
        del self._queue[notice]
        return notice

    def _on_readable(self, opened: socket.socket) -> None:
        for _ in range(MAX_NETLINK_READS_PER_WAKEUP):
            try:
                data = opened.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._enqueue([NOTICES_LOST])
                self._list_links()
                return
            for kind, sequence, start, end in split_messages(data):
                self._handle_message(opened, kind, sequence, data[start:end])

    def _handle_message(self, opened: socket.socket, kind: int, sequence: int, body: bytes) -> None:
        if opened is self._nftables_socket:
            self._enqueue(self._parser.parse_nftables(kind, body))
            return
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            unlisted, self._unlisted_links = self._unlisted_links or frozenset(), None
            for index in unlisted:
                self._enqueue(self._parser.forget_link(index))
            if self._relist_needed:
                self._relist_needed = False
                self._list_links()
            return
        if (
            kind == RTM_NEWLINK
            and sequence == LINK_DUMP_SEQUENCE
            and self._unlisted_links is not None
        ):
            self._unlisted_links -= {IFINFOMSG.unpack_from(body)[3]}
        self._enqueue(self._parser.parse_rtnetlink(kind, body))

    def _enqueue(self, notices: list[Notice]) -> None:
        for notice in notices:
            self._queue.pop(notice, None)
            self._queue[notice] = None
            self._available.set()
        if len(self._queue) > MAX_QUEUED_NOTICES:
            links = [each for each in self._queue if each.kind is NoticeKind.LINK]
            if len(self._queue) - len(links) > MAX_QUEUED_NOTICES:
                self._queue = dict.fromkeys([NOTICES_LOST, *links])

    def _list_links(self) -> None:
        """Ask for all links; those that are known and not listed are gone."""
        if self._unlisted_links is not None:
            self._relist_needed = True
            return
        self._unlisted_links = self._parser.link_indexes
        mask = RTEXT_FILTER_SKIP_STATS.to_bytes(4, sys.byteorder)
        body = IFINFOMSG.pack(0, 0, 0, 0, 0, 0) + encode_attribute(IFLA_EXT_MASK, mask)
        self._rtnetlink_socket.send(
            encode_message(RTM_GETLINK, body, flags=DUMP_REQUEST_FLAGS, sequence=LINK_DUMP_SEQUENCE)
        )


def _open_netlink_socket(protocol: int, groups: tuple[int, ...]) -> socket.socket:
    """A netlink socket that listens to `groups`. Raises OSError."""
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    opened = socket.socket(socket.AF_NETLINK, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, MONITOR_RECEIVE_BUFFER_BYTES)
        opened.bind((0, 0))
        for group in groups:
            opened.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except OSError:
        opened.close()
        raise
    return opened
