"""IPv4 and UDP around a DHCP message (RFC 791, RFC 768): the client has no address to send from."""

from ipaddress import IPv4Address
from struct import Struct
from typing import Final

from lbrouter.compile.checksum import internet_checksum

IPV4_HEADER: Final = Struct("!BBHHHBBH4s4s")
UDP_HEADER: Final = Struct("!HHHH")
DHCP_SERVER_PORT, DHCP_CLIENT_PORT = 67, 68
UDP_PROTOCOL: Final = 17
DHCP_PACKET_TTL: Final = 64
IP_FRAGMENT_MASK: Final = 0x3FFF
"""More fragments, or an offset."""

TOS_LOW_DELAY: Final = 0x10
"""Low delay, as DHCP clients have always sent it."""


def encode_packet(payload: bytes, source: IPv4Address, destination: IPv4Address) -> bytes:
    """An IPv4 packet from port 68 to port 67."""
    length = UDP_HEADER.size + len(payload)
    pseudo = source.packed + destination.packed + bytes((0, UDP_PROTOCOL)) + length.to_bytes(2)
    datagram = UDP_HEADER.pack(DHCP_CLIENT_PORT, DHCP_SERVER_PORT, length, 0) + payload
    total = internet_checksum(pseudo + datagram) or 0xFFFF  # zero would say "no checksum"
    datagram = UDP_HEADER.pack(DHCP_CLIENT_PORT, DHCP_SERVER_PORT, length, total) + payload
    ends = (source.packed, destination.packed)
    head = (0x45, TOS_LOW_DELAY, IPV4_HEADER.size + length, 0, 0, DHCP_PACKET_TTL, UDP_PROTOCOL)
    return (
        IPV4_HEADER.pack(*head, internet_checksum(IPV4_HEADER.pack(*head, 0, *ends)), *ends)
        + datagram
    )


def source_address(data: bytes) -> IPv4Address:
    """The sender of a packet that `decode_packet` understood."""
    return IPv4Address(IPV4_HEADER.unpack_from(data)[8])


def decode_packet(data: bytes) -> bytes | None:
    """What a packet to port 68 carries, None for any other, or one that is cut off.

    The checksum of UDP is not checked: if both ends are on one machine (a virtual one, a
    container) it has not been filled in yet when we see the packet.
    """
    if len(data) < IPV4_HEADER.size or data[0] >> 4 != 4:
        return None
    start = (data[0] & 15) * 4
    _, _, total, _, fragment, _, protocol, _, _, _ = IPV4_HEADER.unpack_from(data)
    if (
        start < IPV4_HEADER.size
        or not start + UDP_HEADER.size <= total <= len(data)
        or fragment & IP_FRAGMENT_MASK
    ):
        return None
    _, port, length, _ = UDP_HEADER.unpack_from(data, start)
    if (protocol, port) != (
        UDP_PROTOCOL,
        DHCP_CLIENT_PORT,
    ) or not UDP_HEADER.size <= length <= total - start:
        return None
    return data[start + UDP_HEADER.size : start + length]
