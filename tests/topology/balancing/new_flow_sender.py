"""New flows of one datagram each, thousands a second, from hundreds of clients.

Runs by its path inside a client's namespace: `new_flow_sender.py SECONDS TO`. It needs no address
of its own for a client: raw sockets write the whole header (raw(7)).
"""

import socket
import struct
import sys
import threading
import time

DISCARD_PORT = 9
"""discard: the far end receives it and does not answer."""

FIRST_CLIENT, CLIENT_COUNT = int.from_bytes(socket.inet_aton("10.10.40.20")), 900
BURST_SIZE, BURST_INTERVAL_S = 20, 0.002


def datagram(number: int, to: bytes) -> bytes:
    """The only packet of flow `number`; the kernel fills in length and checksum."""
    source = FIRST_CLIENT + number % CLIENT_COUNT
    port = 1024 + number // CLIENT_COUNT % 60_000
    head = struct.pack("!BBHHHBBHI4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, source, to)
    return head + struct.pack("!HHHH", port, DISCARD_PORT, 8, 0)


def main(seconds: float, to: str) -> None:
    """At most `BURST_SIZE` every `BURST_INTERVAL_S`, until the time is over."""
    until, number, pause = time.monotonic() + seconds, 0, threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as line:
        while time.monotonic() < until:
            for _ in range(BURST_SIZE):
                line.sendto(datagram(number, socket.inet_aton(to)), (to, 0))
                number += 1
            pause.wait(BURST_INTERVAL_S)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
