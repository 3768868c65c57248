"""The DHCPv6 client's socket: packets of one interface, past routes and the firewall."""

import asyncio
import ctypes
import errno
import socket
from ipaddress import IPv6Address
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lbrouter.compile.dhcp.dhcp6_message import (
    Dhcp6Message,
    decode_dhcp6,
    encode_dhcp6,
    link_layer_duid,
)
from lbrouter.compile.dhcp.dhcp6_packet import (
    ALL_DHCP6_SERVERS_STATION,
    DHCP6_CLIENT_PORT,
    decode_dhcp6_packet,
    encode_dhcp6_packet,
)
from lbrouter.compile.wire.dhcp_packet import UDP_PROTOCOL
from lbrouter.kernel.l2.dhcp_socket import (
    DHCP_RECEIVE_BYTES,
    MAX_DHCP_READS_PER_WAKEUP,
    MAX_QUEUED_DHCP_MESSAGES,
    SOCK_FPROG,
    hardware_address,
)
from lbrouter.kernel.l2.frame import ETH_P_IPV6, SO_ATTACH_FILTER, SOCK_FILTER

DHCP6_CLIENT_FILTER: Final = (
    (0x30, 0, 0, 6),  # ldb [6]: the next header
    (0x15, 0, 3, UDP_PROTOCOL),
    (0x28, 0, 0, 42),  # ldh [42]: the port, behind a header of 40 bytes
    (0x15, 0, 1, DHCP6_CLIENT_PORT),
    (0x06, 0, 0, 0xFFFFFFFF),
    (0x06, 0, 0, 0),
)
"""Classic BPF, from the IPv6 header on: only UDP to port 546."""

IF_INET6: Final = Path("/proc/thread-self/net/if_inet6")
LINK_SCOPE: Final = "20"


class Dhcp6Socket:
    """`async with Dhcp6Socket("enp2s0", iaid) as opened:` send and receive on one interface.

    Entering raises OSError where the interface is not there, is no Ethernet, or has no link-local
    address yet.
    """

    def __init__(self, interface: str, iaid: int) -> None:
        self.interface, self._iaid = interface, iaid
        self.duid = b""
        self._received: asyncio.Queue[Dhcp6Message] = asyncio.Queue(MAX_QUEUED_DHCP_MESSAGES)

    async def __aenter__(self) -> Self:
        self._source = link_local_address(self.interface)
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        # Of no protocol at first: nothing may be received before the filter is attached.
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            _attach_filter(self._socket)
            self._socket.bind((self.interface, ETH_P_IPV6))
            self.duid = link_layer_duid(hardware_address(self._socket))
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

    def send(self, message: Dhcp6Message) -> None:
        """Send a message to all servers and relays of the line. Raises OSError."""
        packet = encode_dhcp6_packet(encode_dhcp6(message), self._source)
        to = (self.interface, ETH_P_IPV6, 0, 0, ALL_DHCP6_SERVERS_STATION)
        self._socket.sendto(packet, to)

    async def receive(self) -> Dhcp6Message:
        """The next message of a server that is for us."""
        return await self._received.get()

    def _on_readable(self) -> None:
        for _ in range(MAX_DHCP_READS_PER_WAKEUP):
            try:
                data = self._socket.recv(DHCP_RECEIVE_BYTES)
            except OSError:  # nothing more, or the interface is gone, which the monitor reports
                return
            payload = decode_dhcp6_packet(data)
            message = None if payload is None else decode_dhcp6(payload, self._iaid)
            own = message is not None and message.client_duid == self.duid
            if message is not None and own and not self._received.full():
                self._received.put_nowait(message)


def link_local_address(interface: str) -> IPv6Address:
    """The link-local address of an interface. Raises OSError where it has none."""
    for line in IF_INET6.read_text(encoding="ascii").splitlines():
        digits, _, _, scope, _, name = line.split()
        if name == interface and scope == LINK_SCOPE:
            return IPv6Address(bytes.fromhex(digits))
    raise OSError(errno.EADDRNOTAVAIL, "it has no link-local address")


def _attach_filter(opened: socket.socket) -> None:
    code = b"".join(SOCK_FILTER.pack(*each) for each in DHCP6_CLIENT_FILTER)
    held = ctypes.create_string_buffer(code, len(code))
    program = SOCK_FPROG.pack(len(DHCP6_CLIENT_FILTER), ctypes.addressof(held))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
