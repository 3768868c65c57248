"""`Monitor`: what the kernel announces, as it happens, in the one loop.

Two sockets, rtnetlink's and nf_tables', read when the loop says that they have something. When the
kernel had to drop announcements (ENOBUFS) RESYNC is told and the links are listed anew, so that no
carrier is missed. The kernel does *not* announce the IPv4 routes that it removes with an interface
that goes down: a LINK notice is a reason to look at the routes as well.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from lbrouter.kernel.netlink.codec import ATTRIBUTE, NLMSG
from lbrouter.kernel.netlink.monitor_parser import NEW_LINK, Announcements, Notice, NoticeKind
from lbrouter.kernel.objects.link import IFINFOMSG, SKIP_STATS

__all__ = ["Monitor", "Notice", "NoticeKind"]

SOL_NETLINK: Final = 270
ADD_MEMBERSHIP: Final = 1
SO_RCVBUFFORCE: Final = 33
NETLINK_NETFILTER: Final = 12
BUFFER: Final = 1 << 20
"""Room for some thousand announcements; the kernel's default holds two hundred."""

RTNETLINK_GROUPS: Final = (1, 4, 5, 7, 8, 9, 11, 19, 24, 25)
"""linux/rtnetlink.h: links, traffic control, and for each family addresses, routes, rules and
settings (netconf)."""

NFTABLES_GROUP: Final = 7

DONE, ERROR = 3, 2
GET_LINK: Final = 18
REQUEST_DUMP: Final = 0x301
IFLA_EXT_MASK: Final = 29
OUR_DUMP: Final = 0x4C
"""Sequence number of our requests: announcements of others carry those of their requests, and
another port."""

MOST_AT_ONCE: Final = 128
"""Datagrams read in one turn of the loop, so that probes are not kept waiting by a storm."""

MOST_WAITING: Final = 256
"""Notices, those of links aside, that wait for a slow reader; more are as good as RESYNC."""

LOST: Final = Notice(kind=NoticeKind.RESYNC, detail="announcements were lost")


class Monitor:
    """`async with Monitor() as monitor: async for notice in monitor: ...`, in one namespace.

    The first notices are LINK of each interface as it is. Notices that are equal and wait are told
    once, the last ones last.
    """

    def __init__(self) -> None:
        self._announcements = Announcements()
        self._waiting: dict[Notice, None] = {}
        self._news = asyncio.Event()
        self._closed = False
        self._unlisted: frozenset[int] | None = None
        self._list_again = False

    async def __aenter__(self) -> Self:
        self._routing = _open(socket.NETLINK_ROUTE, RTNETLINK_GROUPS)
        try:
            self._firewall = _open(NETLINK_NETFILTER, (NFTABLES_GROUP,))
        except OSError:
            self._routing.close()
            raise
        loop = asyncio.get_running_loop()
        loop.add_reader(self._routing, self._read, self._routing)
        loop.add_reader(self._firewall, self._read, self._firewall)
        self._list_links()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for opened in (self._routing, self._firewall):
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()
        self._closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        notice = next(iter(self._waiting))
        del self._waiting[notice]
        return notice

    def _read(self, opened: socket.socket) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                data = opened.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._resync()
                return
            for message in _messages(data):
                self._heard(opened, *message)

    def _heard(self, opened: socket.socket, kind: int, sequence: int, body: bytes) -> None:
        if opened is self._firewall:
            self._tell(self._announcements.nftables(kind, body))
            return
        if kind in (DONE, ERROR):
            self._listed()
            return
        if kind == NEW_LINK and sequence == OUR_DUMP and self._unlisted is not None:
            self._unlisted -= {IFINFOMSG.unpack_from(body)[3]}
        self._tell(self._announcements.rtnetlink(kind, body))

    def _tell(self, notices: list[Notice]) -> None:
        for notice in notices:
            self._waiting.pop(notice, None)
            self._waiting[notice] = None
            self._news.set()
        if len(self._waiting) > MOST_WAITING:
            self._shorten()

    def _shorten(self) -> None:
        links = [each for each in self._waiting if each.kind is NoticeKind.LINK]
        if len(self._waiting) - len(links) > MOST_WAITING:
            self._waiting = dict.fromkeys([LOST, *links])

    def _resync(self) -> None:
        self._tell([LOST])
        self._list_links()

    def _list_links(self) -> None:
        """Ask for all links; those that are known and not listed are gone."""
        if self._unlisted is not None:
            self._list_again = True
            return
        self._unlisted = self._announcements.indexes
        mask = ATTRIBUTE.pack(8, IFLA_EXT_MASK) + SKIP_STATS.to_bytes(4, sys.byteorder)
        body = IFINFOMSG.pack(0, 0, 0, 0, 0, 0) + mask
        length = NLMSG.size + len(body)
        self._routing.send(NLMSG.pack(length, GET_LINK, REQUEST_DUMP, OUR_DUMP, 0) + body)

    def _listed(self) -> None:
        unlisted, self._unlisted = self._unlisted or frozenset(), None
        for index in unlisted:
            self._tell(self._announcements.gone(index))
        if self._list_again:
            self._list_again = False
            self._list_links()


def _open(protocol: int, groups: tuple[int, ...]) -> socket.socket:
    """A netlink socket that listens to `groups`. Raises OSError."""
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    opened = socket.socket(socket.AF_NETLINK, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        opened.bind((0, 0))
        for group in groups:
            opened.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    except OSError:
        opened.close()
        raise
    return opened


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message of a datagram."""
    start = 0
    while start + NLMSG.size <= len(data):
        length, kind, _, sequence, _ = NLMSG.unpack_from(data, start)
        if length < NLMSG.size:
            return
        yield kind, sequence, data[start + NLMSG.size : start + length]
        start += (length + 3) & ~3
