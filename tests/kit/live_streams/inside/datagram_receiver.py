"""The far end of numbered datagrams: when each number came first, and from where.

Runs by its path inside a namespace, on the standard library alone: `datagram_receiver.py REQUEST`,
JSON: {"address", "port", "echo"}. Says `true` when it listens; `count` on standard input is
answered with how many numbers came. At its end a row: {"arrived": {number: time}, "copies": how
many came again, "sources": [...]}, in seconds of CLOCK_MONOTONIC.
"""

import json
import os
import select
import socket
import sys
import time
from contextlib import suppress


def main() -> None:
    """Until standard input ends."""
    request = json.loads(sys.argv[1])
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    line.bind((request["address"], request["port"]))
    line.settimeout(0)
    arrived: dict[int, float] = {}
    copies, sources = 0, dict[str, None]()
    print("true", flush=True)
    while True:
        ready, _, _ = select.select([line, sys.stdin], [], [])
        if line in ready:
            data, peer = line.recvfrom(2048)
            number = int(data.split(b" ", 1)[0])
            copies += number in arrived
            arrived.setdefault(number, time.monotonic())
            sources[peer[0]] = None
            if request["echo"]:
                with suppress(OSError):
                    line.sendto(data, peer)
        if sys.stdin in ready:
            if not sys.stdin.readline():
                break
            print(json.dumps(len(arrived)), flush=True)
    print(json.dumps({"arrived": arrived, "copies": copies, "sources": [*sources]}))


if __name__ == "__main__":
    main()
