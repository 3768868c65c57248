"""A TCP segment to which each stack answers with an acknowledgement (RFC 9293, 3.10.7.4).

The answer to a segment outside of the window is an acknowledgement, and nothing else happens to the
connection. Which sequence numbers are outside is not known here: of two that are half of all
numbers apart, one is.
"""

import socket
from struct import Struct
from typing import Final, Self

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.wire.dhcp_packet import IPV4_HEADER
from lbrouter.kernel.l2.frame import ETH_P_IP, ETH_P_IPV6, IPV6_HEADER
from lbrouter.model.kernel_state import AddressFamily

TCP_HEADER: Final = Struct("!HHIIBBHHH")
"""Ports, sequence, acknowledgement, length in words, flags, window, checksum, urgent pointer."""

TCP_TIMESTAMP_OPTION: Final = Struct("!BBBBII")
"""Two NOPs, kind 8, length 10, value, echo."""

TCP_ACK_FLAG: Final = 0x10
CHALLENGE_WINDOW: Final = 1024
CHALLENGE_HOP_LIMIT: Final = 64
PROTOCOL_TCP: Final = 6

ETHERTYPES: Final = {AddressFamily.V4: ETH_P_IP, AddressFamily.V6: ETH_P_IPV6}


def encode_challenge(
    *,
    source: bytes,
    source_port: int,
    destination: bytes,
    destination_port: int,
    sequence: int,
    acknowledgement: int,
    with_timestamp: bool,
) -> bytes:
    """The whole packet, IPv4 or IPv6 as the addresses (4 or 16 bytes, network order) say.

    A stack that negotiated timestamps may drop a segment without one in silence (RFC 7323, 3.2).
    One with an old timestamp is answered (5.3), but not by Linux 6.14 and later where its sequence
    number is old as well. So it takes one of each kind.
    """
    option = TCP_TIMESTAMP_OPTION.pack(1, 1, 8, 10, 1, 0) if with_timestamp else b""
    size = TCP_HEADER.size + len(option)
    ports = (source_port, destination_port)
    head = (*ports, sequence, acknowledgement, size // 4 << 4, TCP_ACK_FLAG, CHALLENGE_WINDOW)
    pseudo = source + destination + PROTOCOL_TCP.to_bytes(2) + size.to_bytes(2)
    total = internet_checksum(pseudo + TCP_HEADER.pack(*head, 0, 0) + option)
    segment = TCP_HEADER.pack(*head, total, 0) + option
    return _encode_header(source, destination, size) + segment


def _encode_header(source: bytes, destination: bytes, payload_size: int) -> bytes:
    if len(source) == 16:
        rest = (payload_size, PROTOCOL_TCP, CHALLENGE_HOP_LIMIT, source, destination)
        return IPV6_HEADER.pack(6 << 28, *rest)
    size = IPV4_HEADER.size + payload_size
    head = (0x45, 0, size, 0, 0, CHALLENGE_HOP_LIMIT, PROTOCOL_TCP)
    total = internet_checksum(IPV4_HEADER.pack(*head, 0, source, destination))
    return IPV4_HEADER.pack(*head, total, source, destination)


class ChallengeSocket:
    """`with ChallengeSocket() as opened:` sends packets to stations; it receives nothing.

    Below the firewall: a packet from the far end's address would not pass it, nor should the kernel
    track it. Entering raises OSError.
    """

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, packet: bytes, *, device: str, station: bytes, family: AddressFamily) -> None:
        """One packet in a frame to `station` (6 bytes). Raises OSError where it cannot leave."""
        self._socket.sendto(packet, (device, ETHERTYPES[family], 0, 0, station))
