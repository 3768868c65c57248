"""The far end of a stream: notes when data arrives on one TCP and one UDP port, answers nothing.

`sink.py REQUEST`, JSON: {"address", "port"}. Says `true` when it listens. Each line on standard
input is a request, answered by one line of JSON: `clear` begins again, `report` says for "tcp" and
"udp" the longest time without data since then (`gap_s`, with the one that still lasts), when data
came last (`last`), how many times some came (`count`) and by how many connections.
"""

import json
import selectors
import socket
import sys
import time
from contextlib import suppress


class ArrivalGaps:
    """Arrivals of one protocol since the last `clear`."""

    def __init__(self) -> None:
        self.last = 0.0
        self.clear()

    def clear(self) -> None:
        """Begin again; a gap that lasts counts from the last arrival before."""
        self.gap_s = 0.0
        self.count = 0
        self.peers: set[object] = set()

    def record(self, peer: object) -> None:
        """Record an arrival."""
        now = time.monotonic()
        if self.last:
            self.gap_s = max(self.gap_s, now - self.last)
        self.last = now
        self.count += 1
        self.peers.add(peer)

    def report(self) -> dict[str, float]:
        """The report that the module docstring describes."""
        still = time.monotonic() - self.last if self.last else 0.0
        return {
            "gap_s": max(self.gap_s, still),
            "last": self.last,
            "count": self.count,
            "connections": len(self.peers),
        }


class StreamSink:
    """The sockets and what came by them."""

    def __init__(self, address: str, port: int) -> None:
        self.arrivals = {"tcp": ArrivalGaps(), "udp": ArrivalGaps()}
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.command)
        listener = socket.create_server((address, port), backlog=64)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((address, port))
        self.selector.register(datagrams, selectors.EVENT_READ, self.datagram)

    def accept(self, listener: socket.socket) -> bool:
        """One more connection."""
        opened, _ = listener.accept()
        self.selector.register(opened, selectors.EVENT_READ, self.data)
        return True

    def data(self, opened: socket.socket) -> bool:
        """Data on a connection, or its end."""
        content = b""
        with suppress(OSError):
            content = opened.recv(1 << 16)
        if content:
            self.arrivals["tcp"].record(opened.fileno())
        else:
            self.selector.unregister(opened)
            opened.close()
        return True

    def datagram(self, opened: socket.socket) -> bool:
        """A datagram; each source that the far end sees counts as a connection."""
        _, peer = opened.recvfrom(2048)
        self.arrivals["udp"].record(peer)
        return True

    def command(self, stdin: object) -> bool:
        """One request; False at the end of standard input."""
        del stdin
        word = sys.stdin.readline().strip()
        rows = {name: each.report() for name, each in self.arrivals.items()}
        if word == "clear":
            for each in self.arrivals.values():
                each.clear()
        if word:
            print(json.dumps(rows), flush=True)
        return bool(word)

    def run(self) -> None:
        """Until standard input ends."""
        print("true", flush=True)
        while all(key.data(key.fileobj) for key, _ in self.selector.select()):
            pass


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    StreamSink(asked["address"], asked["port"]).run()
