"""Forged frames of a guest by the thousand, and what the others still get."""

import socket
import struct
from collections.abc import Iterator

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.packets import mac_of

CROWD = "192.0.2.80"
"""A host of the venue's internet."""


def udp_frames(
    venue: Venue, *, sources: list[tuple[bytes, str]], ports: range, to: tuple[str, int]
) -> Iterator[bytes]:
    """A datagram for each source (MAC, address) and port, without data and checksum of UDP."""
    gateway = bytes.fromhex(mac_of(venue.gateway, "lan2").replace(":", ""))
    destination, port = socket.inet_aton(to[0]), to[1]
    for mac, address in sources:
        source = socket.inet_aton(address)
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, source, destination)
        total = sum(struct.unpack("!10H", header))
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        header = header[:10] + struct.pack("!H", checksum) + header[12:]
        for source_port in ports:
            yield gateway + mac + b"\x08\x00" + header + struct.pack("!4H", source_port, port, 8, 0)


def flood(venue: Venue, frames: Iterator[bytes]) -> None:
    with packet_socket_in(venue.client("guests").namespace, "eth0") as wire:
        for frame in frames:
            wire.send(frame)


def hosts(count: int) -> list[tuple[bytes, str]]:
    return [(bytes([2, 0, 0, 1, 0, n]), f"10.10.40.{n}") for n in range(50, 50 + count)]


def held_connections(venue: Venue) -> int:
    """Connections of the guests. (nf_conntrack_count counts packets that wait for ARP, too.)"""
    listing = venue.gateway.check_output(["cat", "/proc/net/nf_conntrack"])
    return sum(" src=10.10.40." in line for line in listing.splitlines())


def answers_of(venue: Venue, client: str, count: int = 20) -> list[str]:
    """The errors of `count` new connections, "" where one was answered."""
    return [str(row["error"] or "") for row in venue.client(client).open_flows(count=count)]
