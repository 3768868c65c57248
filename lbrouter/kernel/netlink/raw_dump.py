"""Quick looks at what the kernel counts: one dump, read by hand, in well under a millisecond.

For what is asked several times a second, where pyroute2's objects or a context of libnftables
(6 ms) would cost more than all the rest of the daemon. The socket lives for one look, and speaks in
the network namespace of the calling thread.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final

from lbrouter.kernel.netlink.codec import ATTRIBUTE, FIRST_OWN_TYPE, NLMSG, attributes, native
from lbrouter.model.reserved_ids import NFT_TABLE

REQUEST_DUMP: Final = 0x301
"""NLM_F_REQUEST and NLM_F_DUMP (linux/netlink.h)."""

NLMSG_ERROR, NLMSG_DONE = 2, 3
ERRNO: Final = Struct("=i")
LARGEST: Final = 1 << 16
PATIENCE_S: Final = 1.0

NETLINK_NETFILTER: Final = 12
GET_OBJECTS: Final = 10 << 8 | 19
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETOBJ (linux/netfilter/nf_tables.h)."""
INET: Final = bytes([1, 0, 0, 0])
"""struct nfgenmsg for NFPROTO_INET."""
OBJECT_TABLE, OBJECT_NAME, OBJECT_TYPE, OBJECT_DATA = 1, 2, 3, 4
COUNTER: Final = 1
COUNTER_PACKETS: Final = 2
ANSWERS: Final = "answers_"
"""The counters of rulesets/fragments/uplink.nft."""

GET_QDISCS: Final = 38
TCMSG: Final = Struct("=BBHiIII")
ROOT: Final = 0xFFFFFFFF
STATS, STATS_QUEUE = 7, 3
"""TCA_STATS2, TCA_STATS_QUEUE (linux/gen_stats.h): packets, then bytes that wait."""


def answers() -> Mapping[int, int]:
    """Packets so far that answered flows from inside, by the number of the uplink they came by.

    Answers to our own probes are not among them, nor what nobody asked for. A ruleset that is
    loaded anew begins at zero. Raises OSError.
    """
    table = _attribute(OBJECT_TABLE, NFT_TABLE.encode() + b"\0")
    kind = _attribute(OBJECT_TYPE, COUNTER.to_bytes(4, "big"))
    found = {}
    for message in _dump(NETLINK_NETFILTER, GET_OBJECTS, INET + table + kind):
        held = dict(attributes(message[len(INET) :]))
        name = held[OBJECT_NAME].rstrip(b"\0").decode()
        if name.startswith(ANSWERS):
            data = dict(attributes(held[OBJECT_DATA]))
            number = int(name.removeprefix(ANSWERS))
            found[number] = int.from_bytes(data[COUNTER_PACKETS], "big")
    return found


def backlogs() -> Mapping[int, int]:
    """Bytes that wait in the root queue of each interface, by its index. Raises OSError."""
    found = {}
    for message in _dump(socket.NETLINK_ROUTE, GET_QDISCS, bytes(TCMSG.size)):
        _, _, _, index, _, parent, _ = TCMSG.unpack_from(message)
        if parent != ROOT:
            continue
        stats = dict(attributes(dict(attributes(message[TCMSG.size :])).get(STATS, b"")))
        found[index] = native(stats.get(STATS_QUEUE, b"")[4:8])
    return found


def _dump(protocol: int, kind: int, body: bytes) -> Iterator[bytes]:
    """What follows the netlink header of each answer."""
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, flags, protocol) as opened:
        opened.settimeout(PATIENCE_S)
        opened.sendall(NLMSG.pack(NLMSG.size + len(body), kind, REQUEST_DUMP, 1, 0) + body)
        while True:
            data, start = opened.recv(LARGEST), 0
            while start < len(data):
                length, found, *_ = NLMSG.unpack_from(data, start)
                content = data[start + NLMSG.size : start + length]
                start += (length + 3) & ~3
                if found == NLMSG_DONE:
                    return
                if found == NLMSG_ERROR:
                    number = -ERRNO.unpack_from(content)[0]
                    raise OSError(number, os.strerror(number))
                if found >= FIRST_OWN_TYPE:
                    yield content


def _attribute(number: int, content: bytes) -> bytes:
    size = 4 + len(content)
    return ATTRIBUTE.pack(size, number) + content + bytes(-size % 4)
