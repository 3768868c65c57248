"""The neighbour table: the hosts that the kernel knows on a VLAN, IPv4 and IPv6."""

import socket
from ipaddress import ip_address
from typing import Final

from lbrouter.compile.report.clients import Neighbour
from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import parse_attributes
from lbrouter.kernel.netlink.uapi import NDA_DST, NDMSG, RTM_GETNEIGH

NDA_LLADDR: Final = 2
RESOLVED_NUD_STATES: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""Reachable, stale, delay, probe, permanent: not those that did not answer."""

MAC_SIZE: Final = 6

NEIGHBOUR_DUMP_TIMEOUT_S: Final = 5.0


def read_neighbour_table(interfaces: frozenset[str]) -> tuple[Neighbour, ...]:
    """The neighbours on `interfaces` whose hardware address is known. Needs no rights.

    While hosts come and go by the hundred the kernel marks each dump as interrupted: it is taken as
    it is, one host may be missing. Raises OSError.
    """
    names = {index: name for index, name in socket.if_nameindex() if name in interfaces}
    found = []
    for data, start, end in raw_socket.dump(
        socket.NETLINK_ROUTE, RTM_GETNEIGH, bytes(NDMSG.size), timeout_s=NEIGHBOUR_DUMP_TIMEOUT_S
    ):
        _, index, state, _, _ = NDMSG.unpack_from(data, start)
        if index not in names or not state & RESOLVED_NUD_STATES:
            continue
        attributes = dict(parse_attributes(data[start + NDMSG.size : end]))
        if len(mac := attributes.get(NDA_LLADDR, b"")) == MAC_SIZE:
            address = ip_address(attributes[NDA_DST])
            found.append(Neighbour(interface=names[index], mac=mac.hex(":"), address=address))
    return tuple(found)
