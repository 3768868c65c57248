"""The size of the kernel's neighbour tables (gc_thresh3): one for all links, in every namespace.

/proc/sys shows it in the first namespace alone; netlink tells it everywhere.
"""

import socket
from struct import Struct
from typing import Final

from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import native_uint, parse_attributes
from lbrouter.model.facts import DEFAULT_NEIGHBOUR_TABLE_SIZE

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
