"""A stream that never gives up: numbered datagrams and a TCP connection, both echoed, ten a second.

Runs by its path on the client, on the standard library alone: `stream.py ADDRESS PORT`. The far end
is lbrouter/rehearsal/agents/echo_server.py, which says whom it sees. Each line on standard input is
answered with a line of JSON: `reset` (forget what was), `look` (each kind's longest silence, where
it comes out, how often it broke), `new` (where a new flow comes out). It ends with its standard
input.
"""

import json
import select
import socket
import sys
import time
from typing import Any

TICK_S = 0.1
ALIVE_S = 1.0
REASK_S = 3.0
"""A connection attempt that nobody answers is given up after this long."""


class Kind:
    """What one of the two has seen since the last reset."""

    def __init__(self) -> None:
        self.source = ""
        self.breaks = 0
        self.last = time.monotonic()
        self.longest = 0.0

    def heard(self, source: str = "") -> None:
        """The far end answered."""
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now
        self.source = source or self.source

    def reset(self) -> None:
        """Forget the silences that are over."""
        self.breaks, self.longest = 0, 0.0

    def row(self) -> dict[str, Any]:
        """As it is printed; a silence that goes on counts."""
        quiet = time.monotonic() - self.last
        return {
            "source": self.source,
            "breaks": self.breaks,
            "gap_s": round(max(self.longest, quiet), 2),
            "alive": quiet < ALIVE_S,
        }


class Datagrams:
    """One UDP flow."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.kind = Kind()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.connect(to)
        self.sent = 0

    def tick(self) -> None:
        """Send the next; an ICMP error on the way is not the end."""
        self.sent += 1
        try:
            self.socket.send(b"e stream %d" % self.sent)
        except OSError:
            self.kind.breaks += 1

    def ready(self) -> None:
        """An answer, or an error that belongs to this flow."""
        try:
            self.kind.heard(self.socket.recv(2000).split(b" ", 1)[0].decode())
        except OSError:
            self.kind.breaks += 1


class Connection:
    """One TCP connection after the other, each until it breaks."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.kind, self.to = Kind(), to
        self.socket: socket.socket | None = None
        self.greeted, self.begun = False, 0.0

    def tick(self) -> None:
        """Open the next where none is; ask who we are at first, then something to be echoed."""
        if self.socket is None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self.socket.connect_ex(self.to)
            self.greeted, self.begun = False, time.monotonic()
            return
        try:
            self.socket.send(b"tick\n" if self.greeted else b"who stream\n")
        except BlockingIOError:
            if not self.greeted and time.monotonic() > self.begun + REASK_S:
                self.broken()
        except OSError:
            self.broken()
        else:
            self.greeted = True

    def broken(self) -> None:
        """It is dead; the next tick opens another."""
        self.kind.breaks += 1
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def ready(self) -> None:
        """Answers, or the end."""
        assert self.socket is not None
        try:
            data = self.socket.recv(2000)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.broken()
            return
        first = data.split(maxsplit=1)[0].decode()
        self.kind.heard("" if first == "tick" else first)


def new_flow(to: tuple[str, int], wait_s: float = 2.0) -> str:
    """Where a new flow comes out; "" when nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(wait_s)
        try:
            asking.connect(to)
            asking.send(b"e new 0")
            return asking.recv(2000).split(b" ", 1)[0].decode()
        except OSError:
            return ""


def answer(word: str, udp: Datagrams, tcp: Connection, to: tuple[str, int]) -> dict[str, Any]:
    """One line of our own side."""
    if word == "new":
        return {"source": new_flow(to)}
    if word == "reset":
        udp.kind.reset()
        tcp.kind.reset()
    return {"udp": udp.kind.row(), "tcp": tcp.kind.row()}


def main() -> None:
    """Until standard input ends."""
    to = sys.argv[1], int(sys.argv[2])
    udp, tcp, due = Datagrams(to), Connection(to), time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic())
        lines = [each for each in (udp.socket, tcp.socket, sys.stdin) if each is not None]
        ready, _, _ = select.select(lines, [], [], wait)
        if udp.socket in ready:
            udp.ready()
        if tcp.socket is not None and tcp.socket in ready:
            tcp.ready()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(answer(line.strip(), udp, tcp, to)), flush=True)
        if time.monotonic() >= due:
            due += TICK_S
            udp.tick()
            tcp.tick()


if __name__ == "__main__":
    main()
