"""Sizes of the kernel's tables, without pyroute2: the guard reads them early in the boot.

Of the neighbour tables (gc_thresh3) there is one for all links and namespaces. /proc/sys shows
their size in the first namespace alone; netlink tells it everywhere.
"""

import socket
from pathlib import Path
from struct import Struct
from typing import Final

from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import native_uint, parse_attributes
from lbrouter.model.facts import DEFAULT_CONNECTION_TABLE_SIZE, DEFAULT_NEIGHBOUR_TABLE_SIZE

CONNECTION_TABLE_SIZE_FILE: Final = Path("/proc/sys/net/netfilter/nf_conntrack_max")


def read_connection_table_size() -> int:
    """Connections that this kernel tracks at most; the usual number where it does not say."""
    try:
        return int(CONNECTION_TABLE_SIZE_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return DEFAULT_CONNECTION_TABLE_SIZE


RTM_GETNEIGHTBL: Final = 66
NDTMSG: Final = Struct("=Bxxx")
NDTA_NAME, NDTA_THRESH3 = 1, 4
"""linux/neighbour.h."""

TABLE_NAMES: Final = (b"arp_cache", b"ndisc_cache")
TABLE_SIZE_TIMEOUT_S: Final = 1.0


def read_neighbour_table_size() -> int:
    """Entries that the smaller one of both tables holds; the usual number where it is not told."""
    sizes = set()
    try:
        found = raw_socket.dump(
            socket.NETLINK_ROUTE, RTM_GETNEIGHTBL, NDTMSG.pack(0), timeout_s=TABLE_SIZE_TIMEOUT_S
        )
        for data, start, end in found:
            attributes = dict(parse_attributes(data[start + NDTMSG.size : end]))
            name = attributes.get(NDTA_NAME, b"").rstrip(b"\0")
            if name in TABLE_NAMES and NDTA_THRESH3 in attributes:
                sizes.add(native_uint(attributes[NDTA_THRESH3]))
    except OSError:
        return DEFAULT_NEIGHBOUR_TABLE_SIZE
    return min(sizes, default=DEFAULT_NEIGHBOUR_TABLE_SIZE)
