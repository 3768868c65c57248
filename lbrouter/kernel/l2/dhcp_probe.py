"""A DHCPDISCOVER from a machine that does not exist, to hear who else answers on a network.

By packet sockets, below the firewall, and open for the moment of the question alone: no packet of
the clients passes a filter of ours the rest of the time. No offer is ever accepted, and the made-up
hardware address is always the same, so that a server puts by one address for it at most. RFC 2131.
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
from struct import Struct, pack
from typing import Final

from lbrouter.compile.dhcp.rogue_servers import Offer
from lbrouter.kernel.probe.icmp import checksum

ASKER: Final = bytes.fromhex("026c62720001")
"""Locally administered, "lbr" within."""

EVERYBODY: Final = b"\xff" * 6
ETH_P_IP: Final = 0x0800
UDP: Final = 17
SERVER, CLIENT = 67, 68

BOOTP: Final = Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
COOKIE: Final = b"\x63\x82\x53\x63"
REQUEST, REPLY = 1, 2
BROADCAST: Final = 0x8000
MESSAGE_TYPE, SERVER_ID, WANTED, END = 53, 54, 55, 255
DISCOVER: Final = 1

SO_ATTACH_FILTER: Final = 26
INSTRUCTION: Final = Struct("=HBBI")
ONLY_REPLIES: Final = (
    (0x30, 0, 0, 23),  # the IP protocol, behind the Ethernet header ...
    (0x15, 0, 6, UDP),
    (0x28, 0, 0, 20),  # ... no fragment but the first ...
    (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 14),  # ... and the ports behind the IP header: from 67 to 68
    (0x40, 0, 0, 14),
    (0x15, 0, 1, SERVER << 16 | CLIENT),
    (0x06, 0, 0, 2048),
    (0x06, 0, 0, 0),
)
"""Classic BPF (linux/filter.h): operation, jump if true, jump if false, operand."""

LARGEST: Final = 2048
MOST: Final = 200
"""Answers that are read in one go: a flood of them says no more."""


def discover(interfaces: Iterable[str], *, seconds: float) -> tuple[Offer, ...]:
    """Ask on each of `interfaces`, and listen for `seconds`. Absent ones are passed over.

    Raises OSError where packet sockets are not permitted.
    """
    found: dict[Offer, None] = {}
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for interface in interfaces:
            with suppress(FileNotFoundError, _AbsentError):
                opened = stack.enter_context(_opened(interface))
                opened.send(_question())
                waiting.register(opened, selectors.EVENT_READ, (interface, _own(interface)))
        until = time.monotonic() + seconds
        while waiting.get_map() and (left := until - time.monotonic()) > 0 and len(found) < MOST:
            for key, _ in waiting.select(left):
                assert isinstance(key.fileobj, socket.socket)
                found |= dict.fromkeys(_heard(key.fileobj, *key.data))
    return tuple(found)


class _AbsentError(OSError):
    """The interface is not there, or down."""


def _opened(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # hears nothing yet
    try:
        program = b"".join(INSTRUCTION.pack(*each) for each in ONLY_REPLIES)
        place = ctypes.create_string_buffer(program)
        fprog = pack("HL", len(ONLY_REPLIES), ctypes.addressof(place))
        opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        opened.settimeout(0)
        opened.bind((interface, ETH_P_IP))
    except OSError as error:
        opened.close()
        raise _AbsentError(*error.args) from error
    return opened


def _own(interface: str) -> bytes:
    text = Path(f"/sys/class/net/{interface}/address").read_text(encoding="ascii")
    return bytes.fromhex(text.strip().replace(":", ""))


def _question() -> bytes:
    """The whole frame: Ethernet, IPv4 from nowhere to everybody, UDP without a checksum."""
    options = bytes([MESSAGE_TYPE, 1, DISCOVER, WANTED, 2, 1, 3, END])
    nobody = bytes(4)
    message = BOOTP.pack(
        REQUEST, 1, 6, 0, int.from_bytes(os.urandom(4), "big"), 0, BROADCAST,
        nobody, nobody, nobody, nobody, ASKER, b"", b"", COOKIE,
    ) + options.ljust(60, b"\0")  # fmt: skip
    datagram = pack("!HHHH", CLIENT, SERVER, 8 + len(message), 0) + message
    head = pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, UDP, 0, nobody, b"\xff" * 4)
    head = head[:10] + pack("!H", checksum(head)) + head[12:]
    return EVERYBODY + ASKER + pack("!H", ETH_P_IP) + head + datagram


def _heard(opened: socket.socket, interface: str, own: bytes) -> Iterator[Offer]:
    for _ in range(MOST):
        try:
            frame = opened.recv(LARGEST)
        except OSError:  # nothing more, or the interface went
            return
        offer = offered(frame, interface)
        if offer is not None and frame[6:12] != own:
            yield offer


def offered(frame: bytes, interface: str) -> Offer | None:
    """What a server's frame offers; None for a frame that is no answer of a DHCP server."""
    start = 14 + (frame[14] & 0x0F) * 4 + 8 if len(frame) > 14 else 0
    if not start or len(frame) < start + BOOTP.size:
        return None
    fields = BOOTP.unpack_from(frame, start)
    if fields[0] != REPLY or fields[-1] != COOKIE:
        return None
    named = dict(_options(frame[start + BOOTP.size :])).get(SERVER_ID, b"")
    return Offer(
        interface=interface,
        mac=frame[6:12].hex(":"),
        server=IPv4Address(named if len(named) == 4 else frame[26:30]),
        offered=IPv4Address(fields[8]),
    )


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 1 < len(data) and data[place] != END:
        if data[place] == 0:
            place += 1
            continue
        size = data[place + 1]
        yield data[place], data[place + 2 : place + 2 + size]
        place += 2 + size
