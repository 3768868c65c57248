"""The parser of announcements: rtnetlink and nf_tables messages to `Notice`.

By hand instead of by pyroute2: a burst of 4,000 routes takes it seconds, and most of it does not
concern us. A notice says only that something *may* have changed; `observe` finds what has.
"""

import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from lbrouter.kernel.netlink.codec import native_uint, parse_attributes
from lbrouter.kernel.netlink.nft_author import (
    NFT_MSG_NEWGEN,
    NFTA_GEN_PROC_NAME,
    author_number,
    is_own_author,
)
from lbrouter.kernel.netlink.uapi import (
    IFA_ADDRESS,
    IFA_LOCAL,
    IFADDRMSG,
    NFGENMSG,
    RTA_DST,
    RTA_OIF,
    RTA_TABLE,
    RTM_F_CLONED,
    TCA_KIND,
    TCMSG,
)
from lbrouter.kernel.objects.link_message import (
    IFF_LOWER_UP,
    IFF_UP,
    IFINFOMSG,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_MTU,
)
from lbrouter.kernel.objects.route import RTMSG
from lbrouter.kernel.read.facts import (
    RT_TABLE_MAIN,
)
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import (
    NAME_SET_PREFIX,
    NFT_TABLE,
    ROUTE_PROTOCOL,
    ROUTE_TABLES,
    RULE_PRIORITIES,
)

RTM_NEWLINK, RTM_DELLINK = 16, 17
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_NEWRULE, RTM_DELRULE = 32, 33
TC_MESSAGE_TYPES: Final = range(36, 47)
"""Qdiscs, classes and filters, created and deleted."""

RTM_NEWNETCONF, RTM_DELNETCONF = 80, 81
"""RTM_NEWNETCONF: forwarding or rp_filter of an interface was set."""

FRA_PRIORITY, FRA_PROTOCOL = 6, 21
NETCONFA_IFINDEX: Final = 1
NETCONFA_IFINDEX_NAMES: Final = {0xFFFFFFFF: "all", 0xFFFFFFFE: "default"}

NFNL_SUBSYS_NFTABLES: Final = 10
NFTA_TABLE_NAME: Final = 1
NFT_MSG_NEWSETELEM: Final = 0x0A0C
NFTA_SET_ELEM_LIST_SET: Final = 2
"""The number of the attribute is the same in every kind of nf_tables message."""

ADDRESS_BYTES_BY_FAMILY: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}


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
    """Notices were lost: observe everything again. LINK notices of what changed follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something of ours may have changed. `carrier` and `exists` are set for LINK alone.

    `interface` is empty where the thing has none. `detail` says what was seen, for the log.
    `own`: this process is known to have made the change; most of its changes come without it.
    """

    kind: NoticeKind
    interface: str = ""
    carrier: bool = False
    exists: bool = True
    detail: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinkState:
    """The state of an interface that matters here."""

    name: str
    up: bool
    carrier: bool
    mtu: int
    alias: bytes


class NoticeParser:
    """Remembers the last announcements, so that repetitions give no notice.

    Drivers announce a link every few seconds with nothing new but counters, and each router
    advertisement renews an address.
    """

    def __init__(self) -> None:
        self._links: dict[int, _LinkState] = {}
        self._addresses: dict[tuple[int, int, bytes], int] = {}
        self._table_changed = False

    @property
    def link_indexes(self) -> frozenset[int]:
        """Interfaces that are known."""
        return frozenset(self._links)

    def forget_link(self, index: int) -> list[Notice]:
        """The interface with this index is not there any more."""
        link = self._links.pop(index, None)
        if link is None:
            return []
        self._addresses = {key: flags for key, flags in self._addresses.items() if key[0] != index}
        return [Notice(kind=NoticeKind.LINK, interface=link.name, exists=False, detail="gone")]

    def parse_rtnetlink(self, kind: int, body: bytes) -> list[Notice]:
        """Notices of one message of type `kind`; `body` is what follows its header."""
        if kind in TC_MESSAGE_TYPES:
            index = TCMSG.unpack_from(body)[3]
            what = dict(parse_attributes(body[TCMSG.size :])).get(TCA_KIND, b"").rstrip(b"\0")
            interface, detail = self._link_name(index), what.decode(errors="replace")
            return [Notice(kind=NoticeKind.QDISC, interface=interface, detail=detail)]
        if kind in (RTM_NEWNETCONF, RTM_DELNETCONF):
            index = native_uint(dict(parse_attributes(body[4:])).get(NETCONFA_IFINDEX, b""))
            name = NETCONFA_IFINDEX_NAMES.get(index) or self._link_name(index)
            return [Notice(kind=NoticeKind.SETTING, interface=name)]
        if kind in (RTM_NEWRULE, RTM_DELRULE):
            # Rules of ours, and of others within our priorities.
            found = dict(
                parse_attributes(body[RTMSG.size :])
            )  # struct fib_rule_hdr is laid out like rtmsg
            priority, protocol = (
                native_uint(found.get(FRA_PRIORITY, b"")),
                native_uint(found.get(FRA_PROTOCOL, b"")),
            )
            if priority not in RULE_PRIORITIES and protocol != ROUTE_PROTOCOL:
                return []
            words = {"priority": priority, "protocol": protocol}
            detail = (
                phrase("rule {priority} deleted, protocol {protocol}", **words)
                if kind == RTM_DELRULE
                else phrase("rule {priority} set, protocol {protocol}", **words)
            )
            return [Notice(kind=NoticeKind.RULE, detail=detail)]
        parse = {
            RTM_NEWLINK: self._parse_link,
            RTM_DELLINK: self._parse_link,
            RTM_NEWADDR: self._parse_address,
            RTM_DELADDR: self._parse_address,
            RTM_NEWROUTE: self._parse_route,
            RTM_DELROUTE: self._parse_route,
        }.get(kind)
        return parse(kind, body) if parse is not None else []

    def parse_nftables(self, kind: int, body: bytes) -> list[Notice]:
        """Notices of one nf_tables message. A transaction ends in its generation's message."""
        if kind >> 8 != NFNL_SUBSYS_NFTABLES or len(body) < NFGENMSG.size:
            return []
        found = dict(parse_attributes(body[NFGENMSG.size :]))
        if kind != NFT_MSG_NEWGEN:
            ours = found.get(NFTA_TABLE_NAME, b"").rstrip(b"\0") == NFT_TABLE.encode()
            self._table_changed |= ours and not _is_learned_address(kind, found)
            return []
        if not self._table_changed:
            return []
        self._table_changed = False
        number = author_number(found)
        author = found.get(NFTA_GEN_PROC_NAME, b"").rstrip(b"\0").decode(errors="replace")
        detail = phrase(
            "table inet {table} changed by {author} (pid {number})",
            table=NFT_TABLE,
            author=author,
            number=number,
        )
        return [Notice(kind=NoticeKind.NFT, detail=detail, own=is_own_author(number))]

    def _parse_link(self, kind: int, body: bytes) -> list[Notice]:
        family, _, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        if family != socket.AF_UNSPEC:  # a bridge announces its ports with the same message type
            return []
        if kind == RTM_DELLINK:
            return self.forget_link(index)
        found = dict(parse_attributes(body[IFINFOMSG.size :]))
        link = _LinkState(
            name=found.get(IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
            up=bool(flags & IFF_UP),
            carrier=bool(flags & IFF_LOWER_UP),
            mtu=native_uint(found.get(IFLA_MTU, b"")),
            alias=found.get(IFLA_IFALIAS, b""),
        )
        before = self._links.get(index)
        if before == link:
            return []
        renamed = self.forget_link(index) if before is not None and before.name != link.name else []
        self._links[index] = link
        carrier = link.up and link.carrier
        detail = (phrase("carrier") if carrier else phrase("no carrier")) if link.up else "down"
        notice = Notice(kind=NoticeKind.LINK, interface=link.name, carrier=carrier, detail=detail)
        return [*renamed, notice]

    def _parse_address(self, kind: int, body: bytes) -> list[Notice]:
        family, length, flags, _, index = IFADDRMSG.unpack_from(body)
        found = dict(parse_attributes(body[IFADDRMSG.size :]))
        content = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b"")
        key = (index, length, content)
        if len(content) != ADDRESS_BYTES_BY_FAMILY.get(family):
            return []
        if kind == RTM_DELADDR:
            self._addresses.pop(key, None)
        elif self._addresses.get(key) == flags:
            return []
        else:
            self._addresses[key] = flags
        place = f"{ip_address(content)}/{length}"
        detail = (
            phrase("{address} deleted", address=place)
            if kind == RTM_DELADDR
            else phrase("{address} set", address=place)
        )
        return [Notice(kind=NoticeKind.ADDRESS, interface=self._link_name(index), detail=detail)]

    def _parse_route(self, kind: int, body: bytes) -> list[Notice]:
        """Routes of ours, foreign ones in our tables, and default routes (gateways of uplinks)."""
        family, length, _, _, table, protocol, _, _, flags = RTMSG.unpack_from(body)
        if family not in ADDRESS_BYTES_BY_FAMILY or flags & RTM_F_CLONED:
            return []
        found = dict(parse_attributes(body[RTMSG.size :]))
        table = native_uint(found.get(RTA_TABLE, b"")) or table
        default = length == 0 and table == RT_TABLE_MAIN
        if not (default or table in ROUTE_TABLES or protocol == ROUTE_PROTOCOL):
            return []
        where = f"{ip_address(found[RTA_DST])}/{length}" if found.get(RTA_DST) else "default"
        words = {"route": where, "table": table, "protocol": protocol}
        return [
            Notice(
                kind=NoticeKind.ROUTE,
                interface=self._link_name(native_uint(found.get(RTA_OIF, b""))),
                detail=phrase("{route} in table {table} deleted, protocol {protocol}", **words)
                if kind == RTM_DELROUTE
                else phrase("{route} in table {table} set, protocol {protocol}", **words),
            )
        ]

    def _link_name(self, index: int) -> str:
        link = self._links.get(index)
        return link.name if link is not None else ""


def _is_learned_address(kind: int, found: dict[int, bytes]) -> bool:
    """Whether dnsmasq put the address of a name into its set: no drift, and it happens often."""
    name = found.get(NFTA_SET_ELEM_LIST_SET, b"").rstrip(b"\0")
    return kind == NFT_MSG_NEWSETELEM and name.startswith(NAME_SET_PREFIX.encode())
