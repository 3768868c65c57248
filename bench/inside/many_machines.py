"""Thousands of guests in one program: they join by DHCP, browse and leave.

`many_machines.py REQUEST`, JSON: {"count", "gateway_mac", "gateway", "to", "port"}. Each machine
has a hardware address of its own, answers ARP for the address that it was given, and shares `eth0`
with the others. Says `true`, then answers each line on standard input with one line of JSON: `join`
({"joined", "seconds"}), `browse N` (N new flows of each, {"sent", "answered"}), `leave`.
"""

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

BROADCAST = b"\xff" * 6
XID = 0x50000000
COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, RELEASE = 1, 2, 3, 5, 7
MESSAGE_TYPE, REQUESTED, SERVER = 53, 50, 54

SO_RCVBUFFORCE = 33
"""asm-generic/socket.h; Python has no name for it."""

IN_FLIGHT = 100
"""Machines that ask at the same moment."""
RETRY_S = 2.0
JOIN_LIMIT_S = 600.0
BROWSE_BURST = 50


def ip_frame(ethernet: bytes, source: bytes, to: bytes, udp: bytes) -> bytes:
    """A frame with a UDP datagram that has no checksum."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + source + to
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return ethernet + b"\x08\x00" + head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + udp


@dataclass(slots=True)
class Machines:
    """All of them, on one socket."""

    request: dict[str, Any]
    wire: socket.socket
    addresses: dict[int, bytes] = field(default_factory=dict)
    owners: dict[bytes, int] = field(default_factory=dict)
    asked_at: dict[int, float] = field(default_factory=dict)
    answered: int = 0

    def mac(self, number: int) -> bytes:
        """The hardware address of a machine."""
        return bytes([2, 0, 0, 5, number >> 8, number & 255])

    def join(self) -> dict[str, Any]:
        """Ask for an address, all of them, some at a time."""
        began, waiting = time.monotonic(), list(range(self.request["count"]))[::-1]
        while len(self.addresses) < self.request["count"]:
            now = time.monotonic()
            if now - began > JOIN_LIMIT_S:
                break
            for number, asked_at in list(self.asked_at.items()):
                if now - asked_at > RETRY_S:
                    self._discover(number)
            while waiting and len(self.asked_at) < IN_FLIGHT:
                self._discover(waiting.pop())
            self._listen(0.05)
        return {"joined": len(self.addresses), "seconds": round(time.monotonic() - began, 1)}

    def browse(self, flows: int) -> dict[str, Any]:
        """New flows of each machine; the far end echoes what it gets."""
        to, port = socket.inet_aton(self.request["to"]), self.request["port"]
        gateway, sent, self.answered = self._gateway_mac(), 0, 0
        for turn in range(flows):
            for number, address in self.addresses.items():
                content = b"e bench 0"
                udp = struct.pack("!4H", 20000 + turn, port, 8 + len(content), 0) + content
                self.wire.send(ip_frame(gateway + self.mac(number), address, to, udp))
                sent += 1
                if sent % BROWSE_BURST == 0:
                    self._listen(0.01)
        until = time.monotonic() + 3
        while self.answered < sent and time.monotonic() < until:
            self._listen(0.1)
        return {"sent": sent, "answered": self.answered}

    def leave(self) -> dict[str, Any]:
        """Give the addresses back."""
        server = socket.inet_aton(self.request["gateway"])
        for number, address in self.addresses.items():
            options = bytes([SERVER, 4]) + server
            packet = self._packet(number, RELEASE, options, address)
            ethernet = self._gateway_mac() + self.mac(number)
            self.wire.send(ip_frame(ethernet, address, server, packet))
            if number % BROWSE_BURST == 0:
                self._listen(0.02)
        left = len(self.addresses)
        self.addresses.clear()
        self.owners.clear()
        return {"left": left}

    def _gateway_mac(self) -> bytes:
        return bytes.fromhex(self.request["gateway_mac"].replace(":", ""))

    def _discover(self, number: int) -> None:
        self.asked_at[number] = time.monotonic()
        self._ask(number, DISCOVER, b"")

    def _ask(self, number: int, kind: int, options: bytes) -> None:
        packet = self._packet(number, kind, options, bytes(4))
        self.wire.send(ip_frame(BROADCAST + self.mac(number), bytes(4), b"\xff" * 4, packet))

    def _packet(self, number: int, kind: int, options: bytes, own: bytes) -> bytes:
        head = struct.pack("!BBBBIHH", 1, 1, 6, 0, XID | number, 0, 0x8000) + own + bytes(12)
        rest = self.mac(number) + bytes(10 + 64 + 128) + COOKIE
        body = head + rest + bytes([MESSAGE_TYPE, 1, kind]) + options + b"\xff"
        return struct.pack("!4H", 68, 67, 8 + len(body), 0) + body

    def _listen(self, seconds: float) -> None:
        """Handle what comes in; `seconds` at most where nothing comes."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.wire], [], [], left)[0]:
                return
            frame, origin = self.wire.recvfrom(1600)
            if origin[2] != socket.PACKET_OUTGOING:
                self._handle(frame)

    def _handle(self, frame: bytes) -> None:
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01":
            self._answer_arp(frame)
        elif frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_UDP:
            ports = struct.unpack_from("!HH", frame, 34)
            if ports == (67, 68):
                self._handle_dhcp(frame[42:])
            elif ports[0] == self.request["port"] and frame[30:34] in self.owners:
                self.answered += 1

    def _answer_arp(self, frame: bytes) -> None:
        number = self.owners.get(frame[38:42])
        if number is not None:
            asker, own = frame[22:32], self.mac(number)
            head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
            self.wire.send(frame[6:12] + own + b"\x08\x06" + head + own + frame[38:42] + asker)

    def _handle_dhcp(self, packet: bytes) -> None:
        number = int.from_bytes(packet[4:8], "big") - XID
        if number not in self.asked_at:
            return
        options = dict(_options(packet[240:]))
        kind = options[MESSAGE_TYPE][0]
        if kind == OFFER:
            server = bytes([SERVER, 4]) + options[SERVER]
            self._ask(number, REQUEST, bytes([REQUESTED, 4]) + packet[16:20] + server)
        elif kind == ACK:
            del self.asked_at[number]
            self.addresses[number], self.owners[packet[16:20]] = packet[16:20], number


def _options(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(content) and content[place] != 255:
        size = content[place + 1] if content[place] else -1
        yield content[place], content[place + 2 : place + 2 + max(size, 0)]
        place += 2 + size


def main(request: dict[str, Any]) -> Iterator[Any]:
    """An answer for each word."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("eth0", 0))
        wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        machines = Machines(request, wire)
        verbs: dict[str, Callable[..., dict[str, Any]]] = {
            "join": machines.join,
            "browse": machines.browse,
            "leave": machines.leave,
        }
        yield True
        for line in sys.stdin:
            verb, *numbers = line.split()
            yield verbs[verb](*map(int, numbers))


if __name__ == "__main__":
    for answer in main(json.loads(sys.argv[1])):
        print(json.dumps(answer), flush=True)
