"""Holds frames for a fixed time: the delay of a line, where the kernel has no netem.

Runs by its path inside a provider's namespace, on the standard library alone: `delay_line.py
REQUEST`, where REQUEST is JSON: {"taps": {TAP: INTERFACE, ...}, "delay_ms", "mark"}. It makes the
TAP devices, says `true`, and sends what it reads on each out by its interface, `delay_ms` later,
with the packet mark `mark`. A line on standard input is a new delay; at its end what is held is
still sent. A frame never overtakes another.
"""

import fcntl
import json
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
SO_SNDBUFFORCE = 32
"""From linux/if_tun.h and asm-generic/socket.h; Python's modules lack them."""

MAX_HELD_FRAMES = 20_000
"""Frames that a delay line holds at most: 300 ms of a gigabit; more are dropped, as netem does."""

READ_BATCH_FRAMES = 64
MAX_FRAME_BYTES = 65_535


class DelayLine:
    """One direction: a TAP to read from, an interface to send on, the frames held in between."""

    def __init__(self, tap: str, interface: str, mark: int) -> None:
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        name = struct.pack("16sH22x", tap.encode(), IFF_TAP | IFF_NO_PI)
        fcntl.ioctl(self.tap, TUNSETIFF, name)
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        self.out.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 24)
        self.out.settimeout(0)
        self.out.bind((interface, 0))
        self.held: deque[tuple[float, bytes]] = deque()

    def read(self, delay_s: float) -> None:
        """Read the waiting frames; each gets the time at which it is due."""
        for _ in range(READ_BATCH_FRAMES):
            try:
                frame = os.read(self.tap, MAX_FRAME_BYTES)
            except BlockingIOError:
                return
            if len(self.held) < MAX_HELD_FRAMES:
                due = time.monotonic() + delay_s
                if self.held:
                    due = max(due, self.held[-1][0])
                self.held.append((due, frame))

    def send_due(self) -> None:
        """Send what is due; a full queue drops it, as queues do."""
        now = time.monotonic()
        while self.held and self.held[0][0] <= now:
            with suppress(OSError):
                self.out.send(self.held[0][1])
            self.held.popleft()


def run_delay_lines(delay_lines: list[DelayLine], delay_s: float) -> None:
    """Run until standard input ends and nothing is held any more."""
    by_tap = {delay_line.tap: delay_line for delay_line in delay_lines}
    commands = {sys.stdin.fileno()}
    while commands or any(delay_line.held for delay_line in delay_lines):
        dues = [delay_line.held[0][0] for delay_line in delay_lines if delay_line.held]
        wait = max(0.0, min(dues) - time.monotonic()) if dues else None
        ready, _, _ = select.select([*by_tap, *commands], [], [], wait)
        for readable in ready:
            if readable in by_tap:
                by_tap[readable].read(delay_s)
            elif line := os.read(readable, 4096):
                delay_s = float(line.split()[-1]) / 1000
                print("true", flush=True)
            else:
                commands.clear()
        for delay_line in delay_lines:
            delay_line.send_due()


def main() -> None:
    """Run with real-time priority: a late delay line would add jitter that no line has."""
    request = json.loads(sys.argv[1])
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    delay_lines = [DelayLine(tap, name, request["mark"]) for tap, name in request["taps"].items()]
    print("true", flush=True)
    run_delay_lines(delay_lines, request["delay_ms"] / 1000)


if __name__ == "__main__":
    main()
