"""Which next hops the kernel has heard: their entries of the neighbour table, asked one by one.

No dump: the table of a venue with a thousand clients is long, and changes while it is read.
"""

import socket
from collections.abc import Iterable, Mapping
from typing import Final

from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import NLMSGHDR
from lbrouter.kernel.netlink.uapi import (
    AF_BY_FAMILY,
    NDA_DST,
    NDMSG,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    RTM_GETNEIGH,
)
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.kernel_state import AddressFamily, IpAddress

HEARD_NUD_STATES: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
"""Reachable, stale, delay, probe, none needed, permanent."""

UNANSWERED_NUD_STATES: Final = 0x01 | 0x20
"""Incomplete, failed."""

NEIGHBOUR_REPLY_TIMEOUT_S: Final = 1.0
NETLINK_REPLY_BYTES: Final = 8192

Nexthop = tuple[str, IpAddress]
"""Interface, address."""


def answering_nexthops(
    nexthops: Iterable[Nexthop], interfaces: Mapping[str, InterfaceFacts]
) -> frozenset[Nexthop]:
    """Those of `nexthops` whose hardware address the kernel knows and has no reason to doubt.

    None of them where the kernel cannot be asked (before 5.0, or netlink fails): without an answer
    a line is no last resort.
    """
    try:
        with raw_socket.open_socket(
            socket.NETLINK_ROUTE, timeout_s=NEIGHBOUR_REPLY_TIMEOUT_S
        ) as opened:
            return frozenset(
                (name, address)
                for name, address in nexthops
                if _is_heard(opened, interfaces[name].index, address)
            )
    except OSError:
        return frozenset()


def is_unanswered(nexthop: Nexthop) -> bool:
    """Whether the kernel asks, or has asked, for its hardware address in vain.

    False where it never asked, or cannot be asked.
    """
    name, address = nexthop
    try:
        index = socket.if_nametoindex(name)
        with raw_socket.open_socket(
            socket.NETLINK_ROUTE, timeout_s=NEIGHBOUR_REPLY_TIMEOUT_S
        ) as opened:
            return bool(_nud_state(opened, index, address) & UNANSWERED_NUD_STATES)
    except OSError:
        return False


def _is_heard(opened: socket.socket, index: int, address: IpAddress) -> bool:
    return bool(_nud_state(opened, index, address) & HEARD_NUD_STATES)


def _nud_state(opened: socket.socket, index: int, address: IpAddress) -> int:
    """One request, one answer: the entry's state, or an error, 0, where there is none."""
    body = NDMSG.pack(AF_BY_FAMILY[AddressFamily.of_version(address.version)], index, 0, 0, 0)
    body += raw_socket.encode_attribute(NDA_DST, address.packed)
    opened.sendall(raw_socket.encode_message(RTM_GETNEIGH, body, flags=NLM_F_REQUEST))
    answer = opened.recv(NETLINK_REPLY_BYTES)
    _, kind, *_ = NLMSGHDR.unpack_from(answer)
    if kind == NLMSG_ERROR:
        return 0
    _, _, state, _, _ = NDMSG.unpack_from(answer, NLMSGHDR.size)
    return int(state)
