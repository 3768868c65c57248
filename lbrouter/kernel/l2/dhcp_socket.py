"""The DHCP client's socket: packets of one interface, past addresses, routes and the firewall.

A packet socket, because the client has no address yet, because two uplinks may have the same one,
and because the firewall need not accept what it receives: unsolicited packets are still dropped.
"""

import asyncio
import ctypes
import errno
import socket
from ipaddress import IPv4Address
from struct import Struct
from types import TracebackType
from typing import Final, Self

from lbrouter.compile.wire.dhcp_message import HTYPE_ETHERNET, DhcpMessage, decode, encode
from lbrouter.compile.wire.dhcp_packet import (
    DHCP_CLIENT_PORT,
    IP_FRAGMENT_MASK,
    UDP_PROTOCOL,
    decode_packet,
    encode_packet,
)
from lbrouter.kernel.l2.frame import (
    ETH_P_IP,
    ETHER_BROADCAST,
    SO_ATTACH_FILTER,
    SOCK_FILTER,
)

SOCK_FPROG: Final = Struct("@HP")
"""struct sock_fprog: number of instructions, where they are."""

DHCP_CLIENT_FILTER: Final = (
    (0x30, 0, 0, 9),  # ldb [9]: the protocol
    (0x15, 0, 6, UDP_PROTOCOL),
    (0x28, 0, 0, 6),  # ldh [6]: fragments have no port to look at
    (0x45, 4, 0, IP_FRAGMENT_MASK),
    (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf): the length of the IPv4 header
    (0x48, 0, 0, 2),  # ldh [x + 2]: the port
    (0x15, 0, 1, DHCP_CLIENT_PORT),
    (0x06, 0, 0, 0xFFFFFFFF),
    (0x06, 0, 0, 0),
)
"""Classic BPF, from the IPv4 header on: only UDP to port 68, on a line that may carry a gigabit."""

DHCP_RECEIVE_BYTES: Final = 2048
MAX_DHCP_READS_PER_WAKEUP: Final = 16
MAX_QUEUED_DHCP_MESSAGES: Final = 64


class DhcpSocket:
    """`async with DhcpSocket("enp2s0") as opened:` send and receive on one interface.

    Entering raises OSError where the interface is not there, is down, or is no Ethernet.
    """

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.hardware = b""
        self._received: asyncio.Queue[tuple[DhcpMessage, str]] = asyncio.Queue(
            MAX_QUEUED_DHCP_MESSAGES
        )

    async def __aenter__(self) -> Self:
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        # Of no protocol at first: nothing may be received before the filter is attached.
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            code = b"".join(SOCK_FILTER.pack(*each) for each in DHCP_CLIENT_FILTER)
            held = ctypes.create_string_buffer(code, len(code))
            program = SOCK_FPROG.pack(len(DHCP_CLIENT_FILTER), ctypes.addressof(held))
            self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
            self._socket.bind((self.interface, ETH_P_IP))
            self.hardware = hardware_address(self._socket)
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._on_readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(
        self, message: DhcpMessage, *, source: IPv4Address, destination: IPv4Address, station: str
    ) -> None:
        """Send a message; `station` is a hardware address, empty for broadcast. Raises OSError."""
        to = bytes.fromhex(station.replace(":", "")) if station else ETHER_BROADCAST
        packet = encode_packet(encode(message), source, destination)
        self._socket.sendto(packet, (self.interface, ETH_P_IP, 0, 0, to))

    async def receive(self) -> tuple[DhcpMessage, str]:
        """The next message of a server, and the hardware address that it came from."""
        return await self._received.get()

    def _on_readable(self) -> None:
        for _ in range(MAX_DHCP_READS_PER_WAKEUP):
            try:
                data, sender = self._socket.recvfrom(DHCP_RECEIVE_BYTES)
            except OSError:  # nothing more, or the interface is gone, which the monitor reports
                return
            payload = decode_packet(data)
            message = None if payload is None else decode(payload)
            # A flood is not read faster than this.
            if (
                message is not None
                and message.chaddr == self.hardware
                and not self._received.full()
            ):
                self._received.put_nowait((message, sender[4].hex(":")))


def hardware_address(opened: socket.socket) -> bytes:
    """The Ethernet address of the interface. Raises OSError where it has none."""
    _, _, _, family, hardware = opened.getsockname()
    if family != HTYPE_ETHERNET or len(hardware) != 6:
        raise OSError(errno.EOPNOTSUPP, "it is not an Ethernet interface")
    return bytes(hardware)
