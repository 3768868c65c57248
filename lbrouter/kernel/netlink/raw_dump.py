"""Fast reads of kernel counters: one dump, parsed by hand, in well under a millisecond.

For what is read several times a second, where pyroute2's objects or a context of libnftables (6 ms)
would cost more than all the rest of the daemon.
"""

import socket
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.report.lane_copies_seen import QueueCounters
from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import native_uint, parse_attributes
from lbrouter.kernel.netlink.uapi import (
    NETLINK_NETFILTER,
    TC_H_ROOT,
    TCMSG,
)
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import NFT_TABLE

RAW_DUMP_TIMEOUT_S: Final = 1.0

NFT_GET_OBJECTS: Final = 10 << 8 | 19
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETOBJ (linux/netfilter/nf_tables.h)."""
NFGENMSG_INET: Final = bytes([1, 0, 0, 0])
"""struct nfgenmsg for NFPROTO_INET."""
NFGENMSG_ARP: Final = bytes([3, 0, 0, 0])
REFUSED_NEIGHBOUR_COUNTERS: Final = {
    "neighbours_refused_": NFGENMSG_INET,
    "arp_refused_": NFGENMSG_ARP,
}
"""The counters of rulesets/fragments/neighbour-bounds.nft, and the family of their table."""
NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA = 1, 2, 3, 4
NFT_OBJECT_COUNTER: Final = 1
NFTA_COUNTER_PACKETS: Final = 2
REPLY_COUNTER_PREFIXES: Final = {AddressFamily.V4: "answers_", AddressFamily.V6: "answers6_"}
"""The counters of rulesets/fragments/uplink.nft."""
NEW_FLOW_COUNTER_PREFIX: Final = "flows_"
"""The counters of rulesets/fragments/sticky-clients.nft."""

RTM_GETQDISC: Final = 38
TCA_STATS2, TCA_STATS_BASIC, TCA_STATS_QUEUE = 7, 1, 3
"""linux/gen_stats.h. Of the queue: packets that wait, bytes that wait, packets dropped. Of what was
sent (basic): bytes in 64 bits, packets in 32."""


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


def refused_neighbours() -> Mapping[str, int]:
    """Packets so far that were dropped as they named too many neighbours, by link (`vlan_X`).

    Raises OSError.
    """
    found: dict[str, int] = {}
    for prefix, family in REFUSED_NEIGHBOUR_COUNTERS.items():
        for link, packets in _counters(prefix, family):
            found[link] = found.get(link, 0) + packets
    return found


def _counters(prefix: str, family: bytes = NFGENMSG_INET) -> Iterator[tuple[str, int]]:
    """Packets of each named counter of our table of `family`, by its name without `prefix`."""
    table = raw_socket.encode_attribute(NFTA_OBJ_TABLE, NFT_TABLE.encode() + b"\0")
    kind = raw_socket.encode_attribute(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER.to_bytes(4, "big"))
    for message in _dump(NETLINK_NETFILTER, NFT_GET_OBJECTS, family + table + kind):
        attributes = dict(parse_attributes(message[len(family) :]))
        name = attributes[NFTA_OBJ_NAME].rstrip(b"\0").decode()
        if name.startswith(prefix):
            data = dict(parse_attributes(attributes[NFTA_OBJ_DATA]))
            packets = int.from_bytes(data[NFTA_COUNTER_PACKETS], "big")
            yield name.removeprefix(prefix), packets


def qdisc_backlogs() -> Mapping[int, int]:
    """Bytes that wait in the root queue of each interface, by its index. Raises OSError."""
    found = {}
    for message in _dump(socket.NETLINK_ROUTE, RTM_GETQDISC, bytes(TCMSG.size)):
        _, _, _, index, _, parent, _ = TCMSG.unpack_from(message)
        if parent != TC_H_ROOT:
            continue
        stats = dict(
            parse_attributes(dict(parse_attributes(message[TCMSG.size :])).get(TCA_STATS2, b""))
        )
        found[index] = native_uint(stats.get(TCA_STATS_QUEUE, b"")[4:8])
    return found


def leaf_counters() -> Mapping[tuple[int, int], QueueCounters]:
    """Of each queue in a class, by its interface's index and the class. Raises OSError."""
    found = {}
    for message in _dump(socket.NETLINK_ROUTE, RTM_GETQDISC, bytes(TCMSG.size)):
        _, _, _, index, _, parent, _ = TCMSG.unpack_from(message)
        attributes = dict(parse_attributes(message[TCMSG.size :]))
        stats = dict(parse_attributes(attributes.get(TCA_STATS2, b"")))
        found[index, parent] = QueueCounters(
            sent=native_uint(stats.get(TCA_STATS_BASIC, b"")[8:12]),
            dropped=native_uint(stats.get(TCA_STATS_QUEUE, b"")[8:12]),
        )
    return found


def _dump(protocol: int, kind: int, body: bytes) -> Iterator[bytes]:
    """What follows the netlink header of each answer."""
    for data, start, end in raw_socket.dump(protocol, kind, body, timeout_s=RAW_DUMP_TIMEOUT_S):
        yield data[start:end]
