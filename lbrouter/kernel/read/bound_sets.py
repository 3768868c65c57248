"""Who is at a bound on connections, or near it: the sets that the ruleset fills, over netlink.

Four small dumps, well under a millisecond; connection tracking is not asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.bounds_reached import BoundsReached
from lbrouter.kernel.neighbours.neighbour_table import MAC_SIZE
from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import parse_attributes
from lbrouter.kernel.netlink.raw_dump import NFGENMSG_INET, RAW_DUMP_TIMEOUT_S
from lbrouter.kernel.netlink.uapi import NETLINK_NETFILTER
from lbrouter.model.reserved_ids import NFT_TABLE

NFT_GET_SET_ELEMENTS: Final = 10 << 8 | 13
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM (linux/netfilter/nf_tables.h)."""
NFTA_LIST_TABLE, NFTA_LIST_SET, NFTA_LIST_ELEMENTS = 1, 2, 3
NFTA_ELEMENT_KEY: Final = 1
NFTA_DATA_VALUE: Final = 1

INTERFACE_NAME_BYTES: Final = 16
TOLD_SETS: Final = {BoundState.NEAR: "told_near", BoundState.AT: "told_at"}
"""Ends of the sets' names in rulesets/lbrouter.nft; "at" is read last, for it is worse."""


def read_bounds_reached() -> Mapping[str, BoundsReached]:
    """By the device of the VLAN: who was at a bound, or near it, in the last 30 s.

    Devices of VLANs that are far from theirs are missing. Raises OSError: no such table, busy.
    """
    clients: dict[str, dict[str, BoundState]] = defaultdict(dict)
    vlans: dict[str, BoundState] = {}
    for state, suffix in TOLD_SETS.items():
        for key in _keys(f"clients_{suffix}"):
            mac = key[INTERFACE_NAME_BYTES:][:MAC_SIZE].hex(":")
            clients[_interface_name(key)][mac] = state
        for key in _keys(f"vlans_{suffix}"):
            vlans[_interface_name(key)] = state
    return {
        device: BoundsReached(state=vlans.get(device), clients=clients.get(device, {}))
        for device in {*clients, *vlans}
    }


def _interface_name(key: bytes) -> str:
    return key[:INTERFACE_NAME_BYTES].rstrip(b"\0").decode()


def _keys(name: str) -> Iterator[bytes]:
    """The keys of a set of our table, as they lie in the kernel."""
    table = raw_socket.encode_attribute(NFTA_LIST_TABLE, NFT_TABLE.encode() + b"\0")
    wanted = raw_socket.encode_attribute(NFTA_LIST_SET, name.encode() + b"\0")
    body = NFGENMSG_INET + table + wanted
    for data, start, end in raw_socket.dump(
        NETLINK_NETFILTER, NFT_GET_SET_ELEMENTS, body, timeout_s=RAW_DUMP_TIMEOUT_S
    ):
        attributes = dict(parse_attributes(data[start + len(NFGENMSG_INET) : end]))
        for _, element in parse_attributes(attributes.get(NFTA_LIST_ELEMENTS, b"")):
            key = dict(parse_attributes(dict(parse_attributes(element))[NFTA_ELEMENT_KEY]))
            yield key[NFTA_DATA_VALUE]
