"""A live stream: pushes data at a steady rate by TCP and UDP, until standard input ends.

`push.py REQUEST`, JSON: {"to", "port", "source", "interval_ms", "chunk", "retry_ms"}. The TCP side
does what an encoder does: it gives up a connection that takes nothing for 15 s, and connects again
`retry_ms` after a connection has failed. At the end a row: {"resets": [[time, why], ...],
"connected": [times]}, with monotonic times.
"""

import json
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Any

SEND_STALL_TIMEOUT_S = 15.0


class StreamSender:
    """One encoder."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.to = (request["to"], request["port"])
        self.source = request["source"]
        self.interval_s = request["interval_ms"] / 1000
        self.retry_s = request["retry_ms"] / 1000
        self.chunk = bytes(request["chunk"])
        self.stream: socket.socket | None = None
        self.ready = False
        self.next_try = 0.0
        self.last_taken = 0.0
        self.rows: dict[str, list[Any]] = {"resets": [], "connected": []}
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.settimeout(0)
        self.datagrams.bind((self.source, 0))

    def connect(self) -> None:
        """Begin a connection; it is ready when it can be written to."""
        self.stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.stream.settimeout(0)
        self.stream.bind((self.source, 0))
        self.stream.connect_ex(self.to)
        self.ready, self.last_taken = False, time.monotonic()

    def fail(self, why: str) -> None:
        """The connection is lost: a new one after the retry delay."""
        assert self.stream is not None
        self.rows["resets"].append([time.monotonic(), why])
        self.stream.close()
        self.stream = None
        self.next_try = time.monotonic() + self.retry_s

    def send_chunk(self) -> None:
        """One chunk by each way."""
        now = time.monotonic()
        with suppress(OSError):  # an ICMP error of an earlier datagram, or no room
            self.datagrams.sendto(self.chunk[:1200], self.to)
        if self.stream is None:
            if now >= self.next_try:
                self.connect()
            return
        try:
            self.write(self.stream, now)
        except OSError as error:
            self.fail(str(error))

    def write(self, stream: socket.socket, now: float) -> None:
        """As much of a chunk as the connection takes."""
        if code := stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, "connection lost")
        _, writable, _ = select.select([], [stream], [], 0)
        if writable:
            if not self.ready:
                self.ready = True
                self.rows["connected"].append(now)
            stream.send(self.chunk)
            self.last_taken = now
        elif now - self.last_taken > SEND_STALL_TIMEOUT_S:
            raise OSError(f"nothing taken for {SEND_STALL_TIMEOUT_S:.0f} s")

    def run(self) -> None:
        """On a fixed grid until standard input ends."""
        due = time.monotonic()
        while True:
            ended, _, _ = select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))
            if ended:
                return
            self.send_chunk()
            due = max(due + self.interval_s, time.monotonic())


if __name__ == "__main__":
    push = StreamSender(json.loads(sys.argv[1]))
    push.run()
    print(json.dumps(push.rows))
