"""The neighbour table: the hosts that the kernel knows on a VLAN, IPv4 and IPv6."""

import socket
from ipaddress import ip_address
from typing import Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_GETNEIGH
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from lbrouter.compile.report.clients import Neighbour
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import NDA_DST, NDMSG

NDA_LLADDR: Final = 2
RESOLVED_NUD_STATES: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""Reachable, stale, delay, probe, permanent: not those that did not answer."""

MAC_SIZE: Final = 6


async def read_neighbour_table(interfaces: frozenset[str]) -> tuple[Neighbour, ...]:
    """The neighbours on `interfaces` whose hardware address is known. Needs no rights."""
    names = {index: name for index, name in socket.if_nameindex() if name in interfaces}
    ipr = AsyncIPRoute(strict_check=True)
    await ipr.setup_endpoint()
    try:
        answers = await dump_raw(ipr, ndmsg(), RTM_GETNEIGH, NDMSG)
    finally:
        ipr.close()
    return tuple(
        Neighbour(
            interface=names[index],
            mac=answer.raw(NDA_LLADDR).hex(":"),
            address=ip_address(answer.raw(NDA_DST)),
        )
        for answer in answers
        for _, index, state, _, _ in (answer.fields,)
        if index in names
        and state & RESOLVED_NUD_STATES
        and len(answer.raw(NDA_LLADDR)) == MAC_SIZE
    )
