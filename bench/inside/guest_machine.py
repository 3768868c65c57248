"""One machine against all: forged frames by the hundred thousand.

`guest_machine.py handshakes REQUEST` or `datagrams REQUEST`, JSON: {"gateway_mac", "mac" ("" for
one made up for each address), "first_address", "addresses", "to", "port", "count", "rate"}. It
waits for a line, says `true` and begins: `rate` flows a second by `eth0`, each with another source
address and port. A handshake is completed blindly, with the number that
`guest_machine.py collude PORT` answers with, far away; that one says `true` when it listens.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10
SERVER_SEQUENCE = 1000
ACK_DELAY_S = 0.3
BURST = 64
SO_RCVBUFFORCE = 33
"""asm-generic/socket.h; Python has no name for it."""


def checksum(content: bytes) -> int:
    """The checksum of IP and TCP (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def ip_packet(source: bytes, to: bytes, protocol: int, content: bytes) -> bytes:
    """An IPv4 packet."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0x4000, 64, protocol, 0)
    total = checksum(head + source + to)
    return head[:10] + struct.pack("!H", total) + source + to + content


def tcp_segment(
    source: bytes, to: bytes, ports: tuple[int, int], flags: int, numbers: Any
) -> bytes:
    """A TCP segment without data; `numbers` are its sequence and acknowledgement."""
    head = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 65535, 0, 0)
    pseudo = source + to + struct.pack("!HH", socket.IPPROTO_TCP, len(head))
    return head[:16] + struct.pack("!HH", checksum(pseudo + head), 0)


def flows(request: dict[str, Any]) -> Iterator[tuple[bytes, bytes, int]]:
    """Ethernet header, source address and source port of each flow."""
    gateway = bytes.fromhex(request["gateway_mac"].replace(":", ""))
    own = bytes.fromhex(request["mac"].replace(":", ""))
    first = int.from_bytes(socket.inet_aton(request["first_address"]), "big")
    for number in range(request["count"]):
        client = number % request["addresses"]
        mac = own or bytes([2, 0, 0, 8, client >> 8, client & 255])
        port = 1024 + number // request["addresses"]
        yield gateway + mac + b"\x08\x00", (first + client).to_bytes(4, "big"), port


def frames(verb: str, request: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """The first frame of each flow, and what follows it later (b"" for nothing)."""
    to, port = socket.inet_aton(request["to"]), request["port"]
    for ethernet, source, source_port in flows(request):
        ports = (source_port, port)
        if verb == "datagrams":
            udp = struct.pack("!4H", *ports, 8, 0)
            yield ethernet + ip_packet(source, to, socket.IPPROTO_UDP, udp), b""
            continue
        begin = tcp_segment(source, to, ports, SYN, (1, 0))
        finish = tcp_segment(source, to, ports, ACK, (2, SERVER_SEQUENCE + 1))
        yield (
            ethernet + ip_packet(source, to, socket.IPPROTO_TCP, begin),
            ethernet + ip_packet(source, to, socket.IPPROTO_TCP, finish),
        )


def attack(verb: str, request: dict[str, Any]) -> None:
    """Send them at the rate; each flow's second frame `ACK_DELAY_S` after its first."""
    later: list[bytes] = []
    pause = threading.Event()
    lag = int(request["rate"] * ACK_DELAY_S)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        began = time.monotonic()
        for number, (first, second) in enumerate(frames(verb, request)):
            wire.send(first)
            later.append(second)
            if number >= lag and later[number - lag]:
                wire.send(later[number - lag])
                later[number - lag] = b""
            if number % BURST == 0:
                pause.wait(max(0.0, began + number / request["rate"] - time.monotonic()))
        for frame in filter(None, later):
            wire.send(frame)


def collude(port: int) -> None:
    """Answer each SYN to `port` with a known number, and remember nothing."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as line,
    ):
        wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        print("true", flush=True)
        while True:
            packet = wire.recv(100)
            if packet[9] != socket.IPPROTO_TCP or packet[33] & 0x3F != SYN:
                continue
            source, to = packet[12:16], packet[16:20]
            source_port, own_port, sequence = struct.unpack_from("!HHI", packet, 20)
            if own_port == port:
                numbers = (SERVER_SEQUENCE, sequence + 1)
                answer = tcp_segment(to, source, (port, source_port), SYN_ACK, numbers)
                address = (socket.inet_ntoa(source), 0)
                line.sendto(ip_packet(to, source, socket.IPPROTO_TCP, answer), address)


if __name__ == "__main__":
    if sys.argv[1] == "collude":
        collude(int(sys.argv[2]))
    sys.stdin.readline()
    print("true", flush=True)
    attack(sys.argv[1], json.loads(sys.argv[2]))
