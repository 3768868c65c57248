"""What the kernel announces, read off the wire: rtnetlink and nf_tables messages to `Notice`.

By hand instead of by pyroute2: a burst of 4,000 routes takes it seconds, and most of it is none of
our business. A notice says only that something *may* have changed; `observe` tells what is so.
"""

import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from struct import Struct
from typing import Final

from lbrouter.kernel.netlink.codec import attributes, native
from lbrouter.kernel.objects.link import (
    IFF_LOWER_UP,
    IFF_UP,
    IFINFOMSG,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_MTU,
)
from lbrouter.kernel.objects.route import RTMSG
from lbrouter.kernel.read.facts import MAIN_TABLE, TCA_KIND, TCMSG
from lbrouter.model.reserved_ids import NFT_TABLE, PRIORITIES, PROTOCOL, TABLES

NEW_LINK, DEL_LINK = 16, 17
NEW_ADDRESS, DEL_ADDRESS = 20, 21
NEW_ROUTE, DEL_ROUTE = 24, 25
NEW_RULE, DEL_RULE = 32, 33
TRAFFIC_CONTROL: Final = range(36, 47)
"""Qdiscs, classes and filters, created and deleted."""

NEW_SETTING, DEL_SETTING = 80, 81
"""RTM_NEWNETCONF: forwarding or rp_filter of an interface was set."""

IFADDRMSG: Final = Struct("=BBBBI")
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_TABLE = 1, 4, 15
RTM_F_CLONED: Final = 0x200
FRA_PRIORITY, FRA_PROTOCOL = 6, 21
NETCONFA_IFINDEX: Final = 1
EVERY_INTERFACE: Final = {0xFFFFFFFF: "all", 0xFFFFFFFE: "default"}

NFNL_NFTABLES: Final = 10
NFGENMSG: Final = Struct("=BBH")
NEW_GENERATION: Final = 15
TABLE_NAME: Final = 1
"""The number of the attribute is the same in every kind of nf_tables message."""

GEN_PID, GEN_NAME = 2, 3

FAMILIES: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}


class NoticeKind(StrEnum):
    """What a notice is about."""

    LINK = "link"
    ADDRESS = "address"
    ROUTE = "route"
    RULE = "rule"
    QDISC = "qdisc"
    """A qdisc, a class or a filter."""
    NFT = "nft"
    """Something in table `inet lbrouter`."""
    SETTING = "setting"
    """Forwarding or reverse-path filter of an interface."""
    RESYNC = "resync"
    """Notices were lost: look at everything anew. LINK notices of what changed follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something of ours may have changed. `carrier` and `exists` speak of LINK alone.

    `interface` is empty where the thing has none. `detail` says what was seen, for the log.
    `own`: known to be this process's doing; most of what it does itself comes without that mark.
    """

    kind: NoticeKind
    interface: str = ""
    carrier: bool = False
    exists: bool = True
    detail: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """What of an interface matters here."""

    name: str
    up: bool
    carrier: bool
    mtu: int
    alias: bytes


class Announcements:
    """Remembers what was announced last, so that repetitions stay silent.

    Drivers announce a link every few seconds with nothing new but counters, and each router
    advertisement renews an address.
    """

    def __init__(self) -> None:
        self._links: dict[int, _Link] = {}
        self._addresses: dict[tuple[int, int, bytes], int] = {}
        self._touched = False

    @property
    def indexes(self) -> frozenset[int]:
        """Interfaces that are known."""
        return frozenset(self._links)

    def gone(self, index: int) -> list[Notice]:
        """The interface with this index is not there any more."""
        link = self._links.pop(index, None)
        if link is None:
            return []
        self._addresses = {key: flags for key, flags in self._addresses.items() if key[0] != index}
        return [Notice(kind=NoticeKind.LINK, interface=link.name, exists=False, detail="gone")]

    def rtnetlink(self, kind: int, body: bytes) -> list[Notice]:
        """Notices of one message of type `kind`; `body` is what follows its header."""
        if kind in TRAFFIC_CONTROL:
            return self._qdisc(body)
        if kind in (NEW_SETTING, DEL_SETTING):
            return self._setting(body)
        if kind in (NEW_RULE, DEL_RULE):
            return _rule(kind, body)
        hear = {
            NEW_LINK: self._link,
            DEL_LINK: self._link,
            NEW_ADDRESS: self._address,
            DEL_ADDRESS: self._address,
            NEW_ROUTE: self._route,
            DEL_ROUTE: self._route,
        }.get(kind)
        return hear(kind, body) if hear is not None else []

    def nftables(self, kind: int, body: bytes) -> list[Notice]:
        """Notices of one nf_tables message. A transaction ends in its generation's message."""
        if kind >> 8 != NFNL_NFTABLES or len(body) < NFGENMSG.size:
            return []
        found = dict(attributes(body[NFGENMSG.size :]))
        if kind & 0xFF != NEW_GENERATION:
            self._touched |= found.get(TABLE_NAME, b"").rstrip(b"\0") == NFT_TABLE.encode()
            return []
        if not self._touched:
            return []
        self._touched = False
        pid = int.from_bytes(found.get(GEN_PID, b""), "big")
        author = found.get(GEN_NAME, b"").rstrip(b"\0").decode(errors="replace")
        detail = f"table inet {NFT_TABLE} changed by {author} (pid {pid})"
        return [Notice(kind=NoticeKind.NFT, detail=detail, own=_is_ours(pid))]

    def _link(self, kind: int, body: bytes) -> list[Notice]:
        family, _, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        if family != socket.AF_UNSPEC:  # a bridge speaks of its ports in the same words
            return []
        if kind == DEL_LINK:
            return self.gone(index)
        found = dict(attributes(body[IFINFOMSG.size :]))
        link = _Link(
            name=found.get(IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
            up=bool(flags & IFF_UP),
            carrier=bool(flags & IFF_LOWER_UP),
            mtu=native(found.get(IFLA_MTU, b"")),
            alias=found.get(IFLA_IFALIAS, b""),
        )
        return self._linked(index, link)

    def _linked(self, index: int, link: _Link) -> list[Notice]:
        before = self._links.get(index)
        if before == link:
            return []
        renamed = self.gone(index) if before is not None and before.name != link.name else []
        self._links[index] = link
        carrier = link.up and link.carrier
        detail = ("carrier" if carrier else "no carrier") if link.up else "down"
        notice = Notice(kind=NoticeKind.LINK, interface=link.name, carrier=carrier, detail=detail)
        return [*renamed, notice]

    def _address(self, kind: int, body: bytes) -> list[Notice]:
        family, length, flags, _, index = IFADDRMSG.unpack_from(body)
        found = dict(attributes(body[IFADDRMSG.size :]))
        content = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b"")
        key = (index, length, content)
        if len(content) != FAMILIES.get(family):
            return []
        if kind == DEL_ADDRESS:
            self._addresses.pop(key, None)
        elif self._addresses.get(key) == flags:
            return []
        else:
            self._addresses[key] = flags
        detail = f"{ip_address(content)}/{length} {_verb(kind, DEL_ADDRESS)}"
        return [Notice(kind=NoticeKind.ADDRESS, interface=self._name(index), detail=detail)]

    def _route(self, kind: int, body: bytes) -> list[Notice]:
        """Ours, what others put into our tables, and default routes (the gateways of uplinks)."""
        family, length, _, _, table, protocol, _, _, flags = RTMSG.unpack_from(body)
        if family not in FAMILIES or flags & RTM_F_CLONED:
            return []
        found = dict(attributes(body[RTMSG.size :]))
        table = native(found.get(RTA_TABLE, b"")) or table
        default = length == 0 and table == MAIN_TABLE
        if not (default or table in TABLES or protocol == PROTOCOL):
            return []
        where = f"{ip_address(found[RTA_DST])}/{length}" if found.get(RTA_DST) else "default"
        return [
            Notice(
                kind=NoticeKind.ROUTE,
                interface=self._name(native(found.get(RTA_OIF, b""))),
                detail=f"{where} in table {table} {_verb(kind, DEL_ROUTE)}, protocol {protocol}",
            )
        ]

    def _qdisc(self, body: bytes) -> list[Notice]:
        index = TCMSG.unpack_from(body)[3]
        what = dict(attributes(body[TCMSG.size :])).get(TCA_KIND, b"").rstrip(b"\0")
        interface, detail = self._name(index), what.decode(errors="replace")
        return [Notice(kind=NoticeKind.QDISC, interface=interface, detail=detail)]

    def _setting(self, body: bytes) -> list[Notice]:
        index = native(dict(attributes(body[4:])).get(NETCONFA_IFINDEX, b""))
        name = EVERY_INTERFACE.get(index) or self._name(index)
        return [Notice(kind=NoticeKind.SETTING, interface=name)]

    def _name(self, index: int) -> str:
        link = self._links.get(index)
        return link.name if link is not None else ""


def _rule(kind: int, body: bytes) -> list[Notice]:
    """Rules of ours, and of others within our priorities."""
    found = dict(attributes(body[RTMSG.size :]))  # struct fib_rule_hdr is laid out like rtmsg
    priority, protocol = native(found.get(FRA_PRIORITY, b"")), native(found.get(FRA_PROTOCOL, b""))
    if priority not in PRIORITIES and protocol != PROTOCOL:
        return []
    detail = f"rule {priority} {_verb(kind, DEL_RULE)}, protocol {protocol}"
    return [Notice(kind=NoticeKind.RULE, detail=detail)]


def _is_ours(pid: int) -> bool:
    """The kernel calls a thread a process."""
    return pid > 0 and Path(f"/proc/self/task/{pid}").exists()


def _verb(kind: int, deletion: int) -> str:
    return "deleted" if kind == deletion else "set"
