"""A DHCP server that answers as configured, however wrong. Run by its path in a namespace.

    dhcp_server.py INTERFACE

Lines of JSON on standard input say how to answer from then on ({"mode": ..., "address": ...}, see
`DEFAULT_PLAN`); each is confirmed by a line. "log" is answered with all messages so far.
"""

import json
import select
import socket
import struct
import sys
import time
from typing import Any

HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
COOKIE = bytes((99, 130, 83, 99))
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
DEFAULT_PLAN: dict[str, Any] = {
    "mode": "silent",  # or "answer", or "nak"
    "server": "203.0.113.1",
    "address": "203.0.113.50",
    "mask": "255.255.255.0",
    "router": "203.0.113.1",
    "lease": 3600,
    "options": {},  # number: hexadecimal digits, or null to leave it out
}


def options_of(data: bytes) -> dict[int, bytes]:
    found, at = {}, HEADER.size
    while at + 1 < len(data) and data[at] != 255:
        if data[at]:
            found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
            at += 1 + data[at + 1]
        at += 1
    return found


def reply(request: bytes, kind: int, plan: dict[str, Any]) -> bytes:
    fields = list(HEADER.unpack_from(request))
    fields[0], fields[5], fields[7] = 2, 0, bytes(4)
    fields[8] = socket.inet_aton(plan["address"]) if kind != NAK else bytes(4)
    options: dict[int, bytes | None] = {53: bytes((kind,)), 54: socket.inet_aton(plan["server"])}
    if kind != NAK:
        options |= {
            1: socket.inet_aton(plan["mask"]),
            3: socket.inet_aton(plan["router"]),
            51: int(plan["lease"]).to_bytes(4, "big"),
        }
        for number, digits in plan["options"].items():
            options[int(number)] = None if digits is None else bytes.fromhex(digits)
    body = b"".join(bytes((n, len(v))) + v for n, v in options.items() if v is not None)
    return HEADER.pack(*fields) + body + b"\xff"


class DhcpServer:
    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        self.socket.bind(("", 67))
        self.plan = dict(DEFAULT_PLAN)
        self.log: list[dict[str, Any]] = []

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.socket, sys.stdin], [], [])
            if sys.stdin in ready:
                line = sys.stdin.readline().strip()
                if not line:
                    return
                self.handle_command(line)
            if self.socket in ready:
                self.handle_packet(*self.socket.recvfrom(2048))

    def handle_command(self, line: str) -> None:
        if line != "log":
            self.plan = {**self.plan, **json.loads(line)}
        print(json.dumps(self.log if line == "log" else "told"), flush=True)

    def handle_packet(self, data: bytes, sender: tuple[str, int]) -> None:
        options = options_of(data)
        kind = options[53][0]
        row = {
            "at": time.monotonic(),
            "kind": kind,
            "from": sender[0],
            "client": socket.inet_ntoa(data[12:16]),
            "asked": socket.inet_ntoa(options[50]) if 50 in options else None,
            "options": {number: value.hex() for number, value in options.items()},
        }
        self.log.append(row)
        if self.plan["mode"] == "answer" and kind in (DISCOVER, REQUEST):
            self.broadcast(reply(data, OFFER if kind == DISCOVER else ACK, self.plan))
        elif self.plan["mode"] == "nak":
            self.broadcast(reply(data, OFFER if kind == DISCOVER else NAK, self.plan))

    def broadcast(self, data: bytes) -> None:
        self.socket.sendto(data, ("255.255.255.255", 68))


if __name__ == "__main__":
    server = DhcpServer(sys.argv[1])
    print(json.dumps("ready"), flush=True)
    server.serve()
