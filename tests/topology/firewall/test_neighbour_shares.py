"""The neighbour table is one for all links: a flood on one VLAN leaves the others their places."""

import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = TWO_LINES.replace(
    'address = "10.10.40.1/22"\n', 'address = "10.10.40.1/22"\naddress6 = "fd10:40::1/64"\n'
)
FLOOD_FRAMES = 20_000
FLOOD_BATCH = 500

Frames = Callable[[bytes, int], bytes]
"""The gateway's hardware address, a number: a frame from a host that was never heard."""


def _mac(number: int) -> bytes:
    return b"\x02" + number.to_bytes(4, "big") + b"\x01"


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _solicitation(gateway: bytes, number: int) -> bytes:
    source = socket.inet_pton(socket.AF_INET6, "fe80::")[:8] + struct.pack("!Q", number + (1 << 40))
    target = socket.inet_pton(socket.AF_INET6, "fd10:40::1")
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\x01\x01" + _mac(number)
    pseudo = source + target + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target
    return gateway + _mac(number) + b"\x86\xdd" + head + body


def _arp_request(gateway: bytes, number: int) -> bytes:
    source = bytes((172, 16 + (number >> 16) % 16, number >> 8 & 255, number & 255))
    target = socket.inet_aton("10.10.40.1")
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + _mac(number) + source + bytes(6) + target
    return gateway + _mac(number) + b"\x08\x06" + body


def _datagram(gateway: bytes, number: int) -> bytes:
    """From an address of the VLAN that no host has, to a far end that answers to it."""
    source = socket.inet_pton(socket.AF_INET6, "fd10:40::")[:8] + struct.pack("!Q", number + 100)
    target = socket.inet_pton(socket.AF_INET6, "2606:4700:4700::1111")
    body = struct.pack("!HHHH", 20000 + number % 20000, 53, 8 + 4, 0) + b"ping"
    pseudo = source + target + struct.pack("!II", len(body), 17)
    body = body[:6] + struct.pack("!H", _checksum(pseudo + body) or 0xFFFF) + body[8:]
    head = struct.pack("!IHBB", 6 << 28, len(body), 17, 64) + source + target
    return gateway + _mac(1) + b"\x86\xdd" + head + body


def _flood(venue: Venue, frames: Frames) -> Iterator[None]:
    """Some thousand frames each time it is asked, as fast as they leave."""
    gateway = bytes.fromhex(mac_of(venue.gateway, "lan2").replace(":", ""))
    with packet_socket_in(venue.client("guests").namespace, "eth0") as wire:
        for start in range(0, FLOOD_FRAMES, FLOOD_BATCH):
            for number in range(start, start + FLOOD_BATCH):
                wire.send(frames(gateway, number))
            yield


def _neighbours(venue: Venue) -> int:
    listing = [
        venue.gateway.check_output(["ip", family, "neigh", "show", "dev", "lan2"])
        for family in ("-4", "-6")
    ]
    return sum(len(text.splitlines()) for text in listing)


@pytest.mark.parametrize("frames", [_solicitation, _arp_request, _datagram])
def test_a_flood_of_neighbours_on_one_vlan_is_bounded_there_and_is_told(
    build_venue: VenueBuilder, frames: Frames
) -> None:
    venue = build_venue(TEXT)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=40)
        highest = 0
        for _ in _flood(venue, frames):
            highest = max(highest, _neighbours(venue))
        # A share of the table, far from the whole, whatever comes: 20,000 were named.
        assert highest < 3000
        # A host of another VLAN that was never heard has both families at once.
        fresh = venue.client("stream")
        fresh.check_output(["ip", "address", "add", "10.10.10.200/24", "dev", "eth0"])
        fresh.check_output(
            ["ip", "-6", "address", "add", "fd10:10::200/64", "dev", "eth0", "nodad"]
        )
        for words in (
            ["ping", "-c", "2", "-W", "1", "-I", "10.10.10.200", "10.10.10.1"],
            ["ping", "-6", "-c", "2", "-W", "1", "-I", "fd10:10::200", "fd10:10::1"],
        ):
            assert fresh.run(words).returncode == 0, words
        assert eventually(
            lambda: any(
                "VLAN guests names too many hosts" in e["text"] for e in daemon.events("trouble")
            ),
            within_s=20,
        )
