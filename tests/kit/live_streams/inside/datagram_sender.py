"""Numbered datagrams at a steady rate, and the echoes of them, until standard input ends.

Runs by its path inside a namespace, on the standard library alone: `datagram_sender.py REQUEST`,
JSON: {"to", "port", "source", "rate", "size"}. At its end a row: {"sent": [time, ...], "echoes":
[time or null, ...]}, by number, in seconds of CLOCK_MONOTONIC.
"""

import json
import os
import select
import socket
import sys
import time
from contextlib import suppress

LINGER_S = 0.5
"""After the last datagram: for echoes that are still on their way."""


def main() -> None:
    """Send on a fixed grid; what is late is sent at once."""
    request = json.loads(sys.argv[1])
    with suppress(PermissionError):  # a sender without a processor makes a gap that no line made
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    line.bind((request["source"], 0))
    line.connect((request["to"], request["port"]))
    line.settimeout(0)
    sent: list[float] = []
    echoes: dict[int, float] = {}
    began, until = time.monotonic(), float("inf")
    while (now := time.monotonic()) < until:
        due = began + len(sent) / request["rate"] if until == float("inf") else until
        watched = [line, sys.stdin] if until == float("inf") else [line]
        ready, _, _ = select.select(watched, [], [], max(0.0, due - now))
        if line in ready:
            with suppress(OSError):  # an ICMP error of an earlier one
                echoes.setdefault(int(line.recv(2048).split(b" ", 1)[0]), time.monotonic())
        if sys.stdin in ready:
            until = time.monotonic() + LINGER_S
        elif until == float("inf") and time.monotonic() >= due:
            sent.append(time.monotonic())
            with suppress(OSError):  # the same, or no room
                line.send(b"%d " % (len(sent) - 1) + bytes(request["size"] - 12))
    print(json.dumps({"sent": sent, "echoes": [echoes.get(n) for n in range(len(sent))]}))


if __name__ == "__main__":
    main()
