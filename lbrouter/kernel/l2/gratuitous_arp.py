"""Gratuitous ARP and neighbour advertisements (RFC 5227, 2.3; RFC 4861, 7.2.6).

A host that knows an address by another hardware address (a port was replaced, a spare gateway took
over) would send there until its cache expires: up to 45 s on Linux while in use, hours elsewhere.
"""

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from lbrouter.kernel.l2.frame import ETH_P_IP, ETHER_BROADCAST, ND_HOP_LIMIT
from lbrouter.model.kernel_state import Address

ETH_P_ARP: Final = 0x0806
ARPHRD_ETHER: Final = 1

ARP_PACKET: Final = Struct("!HHBBH6s4s6s4s")
"""Hardware and protocol, their lengths, operation, then sender and target: RFC 826."""

ARPOP_REQUEST: Final = 1

NEIGHBOUR_ADVERTISEMENT: Final = Struct("!BBHI16sBB6s")
"""RFC 4861, 4.4: type, code, checksum (the kernel fills it in), flags, target; then the option of
the target's hardware address, one unit of eight bytes."""

NA_ROUTER_OVERRIDE_FLAGS: Final = 0xA0000000
ALL_NODES_MULTICAST: Final = "ff02::1"


def announce_address(address: Address) -> None:
    """Announce an address once to all hosts on the interface. Errors of sending are ignored."""
    with suppress(OSError):
        match address.address.ip:
            case IPv4Address() as four:
                _send_gratuitous_arp(address.interface, four)
            case IPv6Address() as six:
                _send_neighbour_advertisement(address.interface, six)


def _send_gratuitous_arp(interface: str, own: IPv4Address) -> None:
    with _open_packet_socket(interface) as opened:
        _, _, _, kind, hardware = opened.getsockname()
        if kind != ARPHRD_ETHER:
            return
        ends = (hardware, own.packed, bytes(6), own.packed)
        message = ARP_PACKET.pack(ARPHRD_ETHER, ETH_P_IP, 6, 4, ARPOP_REQUEST, *ends)
        opened.sendto(message, (interface, ETH_P_ARP, 0, 0, ETHER_BROADCAST))


def _send_neighbour_advertisement(interface: str, own: IPv6Address) -> None:
    with _open_packet_socket(interface) as opened:
        _, _, _, kind, hardware = opened.getsockname()
    if kind != ARPHRD_ETHER:
        return
    message = NEIGHBOUR_ADVERTISEMENT.pack(
        136, 0, 0, NA_ROUTER_OVERRIDE_FLAGS, own.packed, 2, 1, hardware
    )
    family, protocol = socket.AF_INET6, socket.IPPROTO_ICMPV6
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as opened:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ND_HOP_LIMIT)
        opened.sendto(message, (ALL_NODES_MULTICAST, 0, 0, socket.if_nametoindex(interface)))


def _open_packet_socket(interface: str) -> socket.socket:
    """A packet socket that receives nothing (its protocol is 0). Raises OSError."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    try:
        opened.bind((interface, 0))
    except OSError:
        opened.close()
        raise
    return opened
