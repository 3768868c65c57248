"""IPv6 and UDP around a DHCPv6 message: sent past the firewall, as those of IPv4 are."""

from ipaddress import IPv6Address
from struct import Struct
from typing import Final

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.wire.dhcp_packet import UDP_HEADER, UDP_PROTOCOL

IPV6_FIXED_HEADER: Final = Struct("!IHBB16s16s")
DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT = 546, 547
ALL_DHCP6_SERVERS: Final = IPv6Address("ff02::1:2")
ALL_DHCP6_SERVERS_STATION: Final = bytes.fromhex("333300010002")
"""Its Ethernet address (RFC 2464, 7)."""
IPV6_VERSION: Final = 6 << 28


def encode_dhcp6_packet(payload: bytes, source: IPv6Address) -> bytes:
    """An IPv6 packet from port 546 of `source`, a link-local address, to all servers."""
    length = UDP_HEADER.size + len(payload)
    ends = (source.packed, ALL_DHCP6_SERVERS.packed)
    pseudo = b"".join(ends) + length.to_bytes(4) + UDP_PROTOCOL.to_bytes(4)
    ports = (DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, length)
    total = internet_checksum(pseudo + UDP_HEADER.pack(*ports, 0) + payload) or 0xFFFF
    return (
        IPV6_FIXED_HEADER.pack(IPV6_VERSION, length, UDP_PROTOCOL, 1, *ends)
        + UDP_HEADER.pack(*ports, total)
        + payload
    )


def decode_dhcp6_packet(data: bytes) -> bytes | None:
    """What a packet to port 546 carries; None for any other, or one that is cut off."""
    if len(data) < IPV6_FIXED_HEADER.size + UDP_HEADER.size or data[0] >> 4 != 6:
        return None
    _, _, protocol, _, source, _ = IPV6_FIXED_HEADER.unpack_from(data)
    _, port, length, _ = UDP_HEADER.unpack_from(data, IPV6_FIXED_HEADER.size)
    end = IPV6_FIXED_HEADER.size + length
    if (protocol, port) != (UDP_PROTOCOL, DHCP6_CLIENT_PORT) or not UDP_HEADER.size <= length:
        return None
    if end > len(data) or not IPv6Address(source).is_link_local:
        return None
    return data[IPV6_FIXED_HEADER.size + UDP_HEADER.size : end]
