"""A new UDP flow every few milliseconds, until standard input ends: which line carried each.

`knock.py REQUEST`, JSON: {"to", "port", "source", "interval_ms"}. Each flow is one datagram from a
port of its own, which the venue's server answers with the source that it saw. At the end a row for
each flow: [begun, seen], with the monotonic time at which it was sent and "" where no answer came.
"""

import json
import selectors
import socket
import sys
import time
from contextlib import suppress

ANSWER_TIMEOUT_S = 2.0


class NewFlows:
    """The flows so far; those without an answer are still waited for `ANSWER_TIMEOUT_S`."""

    def __init__(self, request: dict[str, object]) -> None:
        self.to = (str(request["to"]), int(str(request["port"])))
        self.source = str(request["source"])
        self.interval_s = float(str(request["interval_ms"])) / 1000
        self.rows: list[list[object]] = []
        self.open: list[tuple[float, socket.socket]] = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)

    def open_flow(self) -> None:
        """One new flow. A refusal by our own kernel is a flow without an answer."""
        begun = time.monotonic()
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.settimeout(0)
        opened.bind((self.source, 0))
        self.selector.register(opened, selectors.EVENT_READ, len(self.rows))
        self.open.append((begun, opened))
        self.rows.append([begun, ""])
        with suppress(OSError):
            opened.sendto(f"e knock {len(self.rows)}".encode(), self.to)
        while self.open[0][0] < begun - ANSWER_TIMEOUT_S:
            self.close(self.open.pop(0)[1])

    def close(self, opened: socket.socket) -> None:
        """Forget a flow."""
        with suppress(KeyError, ValueError):
            self.selector.unregister(opened)
        opened.close()

    def read_answers(self, until: float) -> bool:
        """Take answers until a moment; False when standard input has ended."""
        while (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                if key.data is None:
                    return False
                opened = key.fileobj
                assert isinstance(opened, socket.socket)
                with suppress(OSError):
                    self.rows[key.data][1] = opened.recv(200).split()[0].decode()
                self.selector.unregister(opened)
        return True

    def run(self) -> None:
        """Open flows on a fixed grid; a grid point that is over is left out."""
        due = time.monotonic()
        while self.read_answers(due):
            self.open_flow()
            due = max(due + self.interval_s, time.monotonic())


if __name__ == "__main__":
    knocks = NewFlows(json.loads(sys.argv[1]))
    knocks.run()
    print(json.dumps(knocks.rows))
