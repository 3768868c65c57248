"""A DHCPDISCOVER with an invented hardware address, to find the DHCP servers of a network.

It uses packet sockets, below the firewall, that are open only during the probe: the rest of the
time no packet of the clients passes a filter of ours. No offer is ever accepted, and the invented
address is always the same, so that a server reserves one address for it at most. RFC 2131.
"""

import ctypes
import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address
from pathlib import Path
from struct import pack
from typing import Final

from lbrouter.compile.dhcp.rogue_servers import RogueOffer
from lbrouter.compile.wire.dhcp_message import (
    UNSPECIFIED_ADDRESS,
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
    decode,
    encode,
    parse_addresses,
)
from lbrouter.compile.wire.dhcp_packet import (
    DHCP_CLIENT_PORT,
    DHCP_SERVER_PORT,
    UDP_PROTOCOL,
    decode_packet,
    encode_packet,
    source_address,
)
from lbrouter.kernel.l2.frame import (
    ETH_P_IP,
    ETHER_BROADCAST,
    SO_ATTACH_FILTER,
    SOCK_FILTER,
)

DISCOVER_CLIENT_MAC: Final = bytes.fromhex("026c62720001")
"""Locally administered, "lbr" within."""

BROADCAST_ADDRESS: Final = IPv4Address("255.255.255.255")
ETHER_HEADER_BYTES: Final = 14

DHCP_REPLY_FILTER: Final = (
    (0x30, 0, 0, 23),  # the IP protocol, behind the Ethernet header ...
    (0x15, 0, 6, UDP_PROTOCOL),
    (0x28, 0, 0, 20),  # ... no fragment but the first ...
    (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 14),  # ... and the ports behind the IP header: from 67 to 68
    (0x40, 0, 0, 14),
    (0x15, 0, 1, DHCP_SERVER_PORT << 16 | DHCP_CLIENT_PORT),
    (0x06, 0, 0, 2048),
    (0x06, 0, 0, 0),
)
"""Classic BPF (linux/filter.h): operation, jump if true, jump if false, operand."""

DISCOVER_RECEIVE_BYTES: Final = 2048
MAX_DISCOVERED_OFFERS: Final = 200
"""Answers that are read at once: more of them add nothing."""


def discover_servers(interfaces: Iterable[str], *, seconds: float) -> tuple[RogueOffer, ...]:
    """Probe each of `interfaces`, and listen for `seconds`. Absent ones are skipped.

    Raises OSError where packet sockets are not permitted.
    """
    found: dict[RogueOffer, None] = {}
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for interface in interfaces:
            with suppress(FileNotFoundError, _InterfaceDownError):
                opened = stack.enter_context(_open_filtered_socket(interface))
                opened.send(_discover_frame())
                text = Path(f"/sys/class/net/{interface}/address").read_text(encoding="ascii")
                waiting.register(
                    opened,
                    selectors.EVENT_READ,
                    (interface, bytes.fromhex(text.strip().replace(":", ""))),
                )
        until = time.monotonic() + seconds
        while (
            waiting.get_map()
            and (left := until - time.monotonic()) > 0
            and len(found) < MAX_DISCOVERED_OFFERS
        ):
            for key, _ in waiting.select(left):
                assert isinstance(key.fileobj, socket.socket)
                found |= dict.fromkeys(_receive_offers(key.fileobj, *key.data))
    return tuple(found)


class _InterfaceDownError(OSError):
    """The interface is not there, or down."""


def _open_filtered_socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # receives nothing yet
    try:
        program = b"".join(SOCK_FILTER.pack(*each) for each in DHCP_REPLY_FILTER)
        place = ctypes.create_string_buffer(program)
        fprog = pack("HL", len(DHCP_REPLY_FILTER), ctypes.addressof(place))
        opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        opened.settimeout(0)
        opened.bind((interface, ETH_P_IP))
    except OSError as error:
        opened.close()
        raise _InterfaceDownError(*error.args) from error
    return opened


def _discover_frame() -> bytes:
    """The whole frame: some switches drop a request whose sender is not the client in it."""
    message = DhcpMessage(
        message_type=DhcpMessageType.DISCOVER,
        xid=int.from_bytes(os.urandom(4), "big"),
        chaddr=DISCOVER_CLIENT_MAC,
        broadcast=True,
        options={
            DhcpOption.PARAMETER_REQUEST_LIST: bytes((DhcpOption.SUBNET_MASK, DhcpOption.ROUTER))
        },
    )
    packet = encode_packet(encode(message), UNSPECIFIED_ADDRESS, BROADCAST_ADDRESS)
    return ETHER_BROADCAST + DISCOVER_CLIENT_MAC + pack("!H", ETH_P_IP) + packet


def _receive_offers(opened: socket.socket, interface: str, own: bytes) -> Iterator[RogueOffer]:
    for _ in range(MAX_DISCOVERED_OFFERS):
        try:
            frame = opened.recv(DISCOVER_RECEIVE_BYTES)
        except OSError:  # nothing more, or the interface is gone
            return
        offer = parse_offer(frame, interface)
        if offer is not None and frame[6:12] != own:
            yield offer


def parse_offer(frame: bytes, interface: str) -> RogueOffer | None:
    """What a server's frame offers; None for a frame that is no answer of a DHCP server."""
    packet = frame[ETHER_HEADER_BYTES:]
    payload = decode_packet(packet)
    message = None if payload is None else decode(payload)
    if message is None:
        return None
    named = parse_addresses(message.options.get(DhcpOption.SERVER_ID, b""))
    return RogueOffer(
        interface=interface,
        mac=frame[6:12].hex(":"),
        server=named[0] if named else source_address(packet),
        offered=message.yiaddr,
    )
