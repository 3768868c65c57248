"""Which frames of one client come in: ARP is asked on each VLAN, and what answers is noted.

Packet sockets, below the firewall, that are open for a second or two: a client whose address is
wrong is heard as well. A request for an address outside of the interface's own subnet comes from
0.0.0.0 (RFC 5227, 2.1.1): hosts answer that whatever their own subnet is.
"""

import ctypes
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from pathlib import Path
from struct import Struct, pack
from typing import Final

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.diagnosis.client_facts import HeardFrame
from lbrouter.kernel.l2.frame import (
    ETH_P_ALL,
    ETH_P_IP,
    ETH_P_IPV6,
    ETHER_BROADCAST,
    IPV6_HEADER,
    ND_HOP_LIMIT,
    SO_ATTACH_FILTER,
    SOCK_FILTER,
)
from lbrouter.kernel.l2.gratuitous_arp import (
    ALL_NODES_MULTICAST,
    ARP_PACKET,
    ARPHRD_ETHER,
    ARPOP_REQUEST,
    ETH_P_ARP,
)

ETHER_HEADER: Final = Struct("!6s6sH")
ICMPV6_PROTOCOL: Final = 58
ICMPV6_ECHO: Final = Struct("!BBHHH")
ICMPV6_ECHO_REQUEST: Final = 128
IPV6_VERSION_WORD: Final = 0x60000000

FIRST_LISTEN_S: Final = 1.0
"""For the answers. A second device with the same address answers within milliseconds, too."""
LONGEST_LISTEN_S: Final = 2.5
"""Where no IPv4 address was heard by then: a client that wants one asks every second or two."""
ASK_AGAIN_S: Final = 0.4
FRAME_BYTES: Final = 256
MAX_FRAMES: Final = 2000


class ClientListener:
    """Listens on `interfaces`: the devices of the VLANs, each with the gateway's address there.

    Those that are absent or down are left out.
    """

    def __init__(self, interfaces: Mapping[str, IPv4Interface]) -> None:
        self._interfaces = interfaces

    def listen(self, mac: str | None, addresses: Iterable[IPv4Address]) -> tuple[HeardFrame, ...]:
        """Ask for `addresses` and for the device `mac`; what comes from them, in order.

        Raises OSError where packet sockets are not permitted.
        """
        wanted = frozenset(addresses)
        found: dict[HeardFrame, None] = {}
        with ExitStack() as stack, selectors.DefaultSelector() as waiting:
            sockets = dict(self._open_sockets(stack, mac))
            for opened, interface in sockets.items():
                waiting.register(opened, selectors.EVENT_READ, interface)
            begun = asked = time.monotonic()
            self._ask(sockets, mac, wanted)
            while sockets and len(found) < MAX_FRAMES:
                left = begun + _listen_s(found) - time.monotonic()
                if left <= 0:
                    break
                for key, _ in waiting.select(min(left, ASK_AGAIN_S)):
                    assert isinstance(key.fileobj, socket.socket)
                    for frame in _received(key.fileobj, key.data):
                        if frame.mac == mac or frame.address in wanted:
                            found[frame] = None
                if time.monotonic() - asked >= ASK_AGAIN_S:
                    asked = time.monotonic()
                    self._ask(sockets, mac, wanted | _heard_ipv4(found))
        return tuple(found)

    def _open_sockets(
        self, stack: ExitStack, mac: str | None
    ) -> Iterator[tuple[socket.socket, str]]:
        """For each interface one socket for ARP, and one for all frames of `mac`."""
        for interface in self._interfaces:
            with suppress(FileNotFoundError, _AbsentInterfaceError):
                yield stack.enter_context(_open_socket(interface, ETH_P_ARP)), interface
                if mac is not None:
                    opened = _open_socket(interface, ETH_P_ALL, _source_filter(mac))
                    yield stack.enter_context(opened), interface

    def _ask(
        self,
        sockets: Mapping[socket.socket, str],
        mac: str | None,
        addresses: frozenset[IPv4Address],
    ) -> None:
        for opened, interface in sockets.items():
            with suppress(OSError):  # it went down meanwhile
                own = _hardware_address(interface)
                for frame in _requests(own, self._interfaces[interface], addresses):
                    opened.send(frame)
                link_local = _link_local(interface)
                if mac is not None and link_local is not None:
                    opened.send(_echo_request(own, bytes.fromhex(mac.replace(":", "")), link_local))


class _AbsentInterfaceError(OSError):
    """The interface is not there, or down."""


def _listen_s(found: Iterable[HeardFrame]) -> float:
    return FIRST_LISTEN_S if _heard_ipv4(found) else LONGEST_LISTEN_S


def _heard_ipv4(found: Iterable[HeardFrame]) -> frozenset[IPv4Address]:
    return frozenset(frame.address for frame in found if isinstance(frame.address, IPv4Address))


def _open_socket(
    interface: str, protocol: int, program: tuple[tuple[int, int, int, int], ...] = ()
) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        if program:
            code = b"".join(SOCK_FILTER.pack(*step) for step in program)
            place = ctypes.create_string_buffer(code)
            fprog = pack("HL", len(program), ctypes.addressof(place))
            opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        opened.settimeout(0)
        opened.bind((interface, protocol))
    except OSError as error:
        opened.close()
        raise _AbsentInterfaceError(*error.args) from error
    return opened


def _source_filter(mac: str) -> tuple[tuple[int, int, int, int], ...]:
    """Classic BPF (linux/filter.h): frames that the hardware address `mac` has sent."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return (
        (0x20, 0, 0, 6),  # the first four bytes of the sender ...
        (0x15, 0, 3, int.from_bytes(raw[:4], "big")),
        (0x28, 0, 0, 10),  # ... and the other two
        (0x15, 0, 1, int.from_bytes(raw[4:], "big")),
        (0x06, 0, 0, FRAME_BYTES),
        (0x06, 0, 0, 0),
    )


def _received(opened: socket.socket, interface: str) -> Iterator[HeardFrame]:
    for _ in range(MAX_FRAMES):
        try:
            frame = opened.recv(FRAME_BYTES)
        except OSError:  # nothing more, or the interface is gone
            return
        heard = parse_frame(frame, interface)
        if heard is not None:
            yield heard


def parse_frame(frame: bytes, interface: str) -> HeardFrame | None:
    """Who sent a frame, and as which address; None for one that is cut off."""
    if len(frame) < ETHER_HEADER.size:
        return None
    _, source, kind = ETHER_HEADER.unpack_from(frame)
    body, address = frame[ETHER_HEADER.size :], b""
    if kind == ETH_P_ARP and len(body) >= ARP_PACKET.size:
        address = body[14:18]
    elif kind == ETH_P_IP and len(body) >= 20:
        address = body[12:16]
    elif kind == ETH_P_IPV6 and len(body) >= IPV6_HEADER.size:
        address = body[8:24]
    known = ip_address(address) if any(address) else None
    return HeardFrame(interface=interface, mac=source.hex(":"), address=known)


def _requests(own: bytes, here: IPv4Interface, addresses: Iterable[IPv4Address]) -> Iterator[bytes]:
    """An ARP request for each address."""
    header = ETHER_HEADER.pack(ETHER_BROADCAST, own, ETH_P_ARP)
    for address in addresses:
        sender = here.ip.packed if address in here.network else bytes(4)
        ends = (own, sender, bytes(6), address.packed)
        yield header + ARP_PACKET.pack(ARPHRD_ETHER, ETH_P_IP, 6, 4, ARPOP_REQUEST, *ends)


def _echo_request(own: bytes, mac: bytes, source: IPv6Address) -> bytes:
    """A ping to all nodes, to one hardware address: it needs no IPv4 address to answer."""
    target = IPv6Address(ALL_NODES_MULTICAST).packed
    echo = ICMPV6_ECHO.pack(ICMPV6_ECHO_REQUEST, 0, 0, 0, 0)
    pseudo = source.packed + target + pack("!II", len(echo), ICMPV6_PROTOCOL)
    echo = ICMPV6_ECHO.pack(ICMPV6_ECHO_REQUEST, 0, internet_checksum(pseudo + echo), 0, 0)
    ends = (len(echo), ICMPV6_PROTOCOL, ND_HOP_LIMIT, source.packed, target)
    header = ETHER_HEADER.pack(mac, own, ETH_P_IPV6)
    return header + IPV6_HEADER.pack(IPV6_VERSION_WORD, *ends) + echo


def _hardware_address(interface: str) -> bytes:
    text = Path(f"/sys/class/net/{interface}/address").read_text(encoding="ascii")
    return bytes.fromhex(text.strip().replace(":", ""))


def _link_local(interface: str) -> IPv6Address | None:
    """The interface's own link-local address, from /proc/net/if_inet6 (net/ipv6/addrconf.c)."""
    with suppress(OSError):
        for line in Path("/proc/thread-self/net/if_inet6").read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[-1] == interface and words[0].startswith("fe80"):
                return IPv6Address(int(words[0], 16))
    return None
