"""Router solicitations on an uplink (RFC 4861, 6.3.7).

The kernel sends one by itself only when an interface comes up, and only where `accept_ra` was set
before. An uplink that was up already, or a ppp device that pppd has just created, would wait for
the next unsolicited advertisement: up to half an hour.
"""

import socket
from typing import Final

from lbrouter.kernel.l2.frame import ND_HOP_LIMIT
from lbrouter.kernel.probe.bound_socket import UplinkBinding, interface_index, open_socket

ROUTER_SOLICITATION: Final = bytes([133, 0, 0, 0, 0, 0, 0, 0])
"""Type, code, checksum (the kernel fills it in), reserved."""

ALL_ROUTERS_MULTICAST: Final = "ff02::2"


def solicit_routers(binding: UplinkBinding) -> None:
    """Send one router solicitation through `line`. Raises OSError where it cannot leave."""
    with open_socket(binding, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as opened:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ND_HOP_LIMIT)
        opened.sendto(ROUTER_SOLICITATION, (ALL_ROUTERS_MULTICAST, 0, 0, interface_index(binding)))
