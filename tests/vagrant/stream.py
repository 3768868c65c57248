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

SEND_INTERVAL_S = 0.1
ALIVE_WINDOW_S = 1.0
CONNECT_TIMEOUT_S = 3.0
"""A connection attempt without an answer is given up after this long."""


class FlowStats:
    """What one of the two has seen since the last reset."""

    def __init__(self) -> None:
        self.source = ""
        self.breaks = 0
        self.last_reply_at = time.monotonic()
        self.longest_gap_s = 0.0

    def record_reply(self, source: str = "") -> None:
        """The far end answered."""
        now = time.monotonic()
        self.longest_gap_s, self.last_reply_at = (
            max(self.longest_gap_s, now - self.last_reply_at),
            now,
        )
        self.source = source or self.source

    def reset(self) -> None:
        """Forget the silences that are over."""
        self.breaks, self.longest_gap_s = 0, 0.0

    def row(self) -> dict[str, Any]:
        """As it is printed; a silence that goes on counts."""
        quiet = time.monotonic() - self.last_reply_at
        return {
            "source": self.source,
            "breaks": self.breaks,
            "gap_s": round(max(self.longest_gap_s, quiet), 2),
            "alive": quiet < ALIVE_WINDOW_S,
        }


class UdpStream:
    """One UDP flow."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.stats = FlowStats()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.connect(to)
        self.sent = 0

    def send_next(self) -> None:
        """Send the next; an ICMP error on the way is not the end."""
        self.sent += 1
        try:
            self.socket.send(b"e stream %d" % self.sent)
        except OSError:
            self.stats.breaks += 1

    def receive(self) -> None:
        """An answer, or an error that belongs to this flow."""
        try:
            self.stats.record_reply(self.socket.recv(2000).split(b" ", 1)[0].decode())
        except OSError:
            self.stats.breaks += 1


class TcpStream:
    """One TCP connection after the other, each until it breaks."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.stats, self.to = FlowStats(), to
        self.socket: socket.socket | None = None
        self.identified, self.opened_at = False, 0.0

    def send_next(self) -> None:
        """Open a connection where none is; ask for our address first, then send data to echo."""
        if self.socket is None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self.socket.connect_ex(self.to)
            self.identified, self.opened_at = False, time.monotonic()
            return
        try:
            self.socket.send(b"tick\n" if self.identified else b"who stream\n")
        except BlockingIOError:
            if not self.identified and time.monotonic() > self.opened_at + CONNECT_TIMEOUT_S:
                self.drop_connection()
        except OSError:
            self.drop_connection()
        else:
            self.identified = True

    def drop_connection(self) -> None:
        """It is dead; the next tick opens another."""
        self.stats.breaks += 1
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def receive(self) -> None:
        """Answers, or the end."""
        assert self.socket is not None
        try:
            data = self.socket.recv(2000)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop_connection()
            return
        first = data.split(maxsplit=1)[0].decode()
        self.stats.record_reply("" if first == "tick" else first)


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


def handle_command(
    word: str, udp: UdpStream, tcp: TcpStream, to: tuple[str, int]
) -> dict[str, Any]:
    """One line of our own side."""
    if word == "new":
        return {"source": new_flow(to)}
    if word == "reset":
        udp.stats.reset()
        tcp.stats.reset()
    return {"udp": udp.stats.row(), "tcp": tcp.stats.row()}


def main() -> None:
    """Until standard input ends."""
    to = sys.argv[1], int(sys.argv[2])
    udp, tcp, due = UdpStream(to), TcpStream(to), time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic())
        lines = [each for each in (udp.socket, tcp.socket, sys.stdin) if each is not None]
        ready, _, _ = select.select(lines, [], [], wait)
        if udp.socket in ready:
            udp.receive()
        if tcp.socket is not None and tcp.socket in ready:
            tcp.receive()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(handle_command(line.strip(), udp, tcp, to)), flush=True)
        if time.monotonic() >= due:
            due += SEND_INTERVAL_S
            udp.send_next()
            tcp.send_next()


if __name__ == "__main__":
    main()
