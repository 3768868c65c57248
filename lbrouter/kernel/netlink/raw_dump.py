"""Fast reads of kernel counters: one dump, parsed by hand, in well under a millisecond.

For what is read several times a second, where pyroute2's objects or a context of libnftables (6 ms)
would cost more than all the rest of the daemon. The socket is open for one dump, in the network
namespace of the calling thread.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.kernel.netlink.codec import (
    NLATTR,
    NLMSG_MIN_TYPE,
    NLMSGHDR,
    native_uint,
    parse_attributes,
)
from lbrouter.kernel.netlink.uapi import (
    DUMP_REQUEST_FLAGS,
    NETLINK_NETFILTER,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_CODE,
    TC_H_ROOT,
    TCMSG,
)
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import NFT_TABLE

NETLINK_RECEIVE_BYTES: Final = 1 << 16
RAW_DUMP_TIMEOUT_S: Final = 1.0

NFT_GET_OBJECTS: Final = 10 << 8 | 19
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETOBJ (linux/netfilter/nf_tables.h)."""
NFGENMSG_INET: Final = bytes([1, 0, 0, 0])
"""struct nfgenmsg for NFPROTO_INET."""
NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA = 1, 2, 3, 4
NFT_OBJECT_COUNTER: Final = 1
NFTA_COUNTER_PACKETS: Final = 2
REPLY_COUNTER_PREFIXES: Final = {AddressFamily.V4: "answers_", AddressFamily.V6: "answers6_"}
"""The counters of rulesets/fragments/uplink.nft."""
NEW_FLOW_COUNTER_PREFIX: Final = "flows_"
"""The counters of rulesets/fragments/sticky-clients.nft."""

RTM_GETQDISC: Final = 38
TCA_STATS2, TCA_STATS_QUEUE = 7, 3
"""TCA_STATS2, TCA_STATS_QUEUE (linux/gen_stats.h): packets, then bytes that wait."""


def reply_counters() -> Mapping[tuple[int, AddressFamily], int]:
    """Packets so far that answered flows from inside, by the uplink's number and the family.

    Answers to our own probes and unsolicited packets are not counted. A ruleset that is loaded
    again begins at zero. Raises OSError.
    """
    return {
        (int(number), family): packets
        for family, prefix in REPLY_COUNTER_PREFIXES.items()
        for number, packets in _counters(prefix)
    }


def new_flow_counters() -> Mapping[str, Mapping[int, int]]:
    """New flows so far of each sticky policy, both families, by the number of the uplink.

    Raises OSError.
    """
    found: dict[str, dict[int, int]] = {}
    for name, count in _counters(NEW_FLOW_COUNTER_PREFIX):
        policy, number, _family = name.rsplit("_", 2)
        by_number = found.setdefault(policy, {})
        by_number[int(number)] = by_number.get(int(number), 0) + count
    return found


def _counters(prefix: str) -> Iterator[tuple[str, int]]:
    """Packets of each named counter of our table, by its name without `prefix`."""
    table = _encode_attribute(NFTA_OBJ_TABLE, NFT_TABLE.encode() + b"\0")
    kind = _encode_attribute(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER.to_bytes(4, "big"))
    for message in _raw_dump(NETLINK_NETFILTER, NFT_GET_OBJECTS, NFGENMSG_INET + table + kind):
        attributes = dict(parse_attributes(message[len(NFGENMSG_INET) :]))
        name = attributes[NFTA_OBJ_NAME].rstrip(b"\0").decode()
        if name.startswith(prefix):
            data = dict(parse_attributes(attributes[NFTA_OBJ_DATA]))
            packets = int.from_bytes(data[NFTA_COUNTER_PACKETS], "big")
            yield name.removeprefix(prefix), packets


def qdisc_backlogs() -> Mapping[int, int]:
    """Bytes that wait in the root queue of each interface, by its index. Raises OSError."""
    found = {}
    for message in _raw_dump(socket.NETLINK_ROUTE, RTM_GETQDISC, bytes(TCMSG.size)):
        _, _, _, index, _, parent, _ = TCMSG.unpack_from(message)
        if parent != TC_H_ROOT:
            continue
        stats = dict(
            parse_attributes(dict(parse_attributes(message[TCMSG.size :])).get(TCA_STATS2, b""))
        )
        found[index] = native_uint(stats.get(TCA_STATS_QUEUE, b"")[4:8])
    return found


def _raw_dump(protocol: int, kind: int, body: bytes) -> Iterator[bytes]:
    """What follows the netlink header of each answer."""
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, flags, protocol) as opened:
        opened.settimeout(RAW_DUMP_TIMEOUT_S)
        opened.sendall(
            NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, DUMP_REQUEST_FLAGS, 1, 0) + body
        )
        while True:
            data, start = opened.recv(NETLINK_RECEIVE_BYTES), 0
            while start < len(data):
                length, found, *_ = NLMSGHDR.unpack_from(data, start)
                content = data[start + NLMSGHDR.size : start + length]
                start += (length + 3) & ~3
                if found == NLMSG_DONE:
                    return
                if found == NLMSG_ERROR:
                    number = -NLMSGERR_CODE.unpack_from(content)[0]
                    raise OSError(number, os.strerror(number))
                if found >= NLMSG_MIN_TYPE:
                    yield content


def _encode_attribute(number: int, content: bytes) -> bytes:
    size = 4 + len(content)
    return NLATTR.pack(size, number) + content + bytes(-size % 4)
