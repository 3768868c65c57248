"""The algorithm of dpinger, as a model: many monitors of one line at once, each with its own phase.

`monitor.py REQUEST`, JSON: {"to", "interface", "profiles": {NAME: {"interval_s", "late_s",
"period_s", "loss_percent", "check_s"}}, "count"}. `count` monitors for each profile, their phases
spread over an interval. Until standard input ends; then a row for each alarm: [profile, number,
time, loss in percent, on or off].

What dpinger does (its README and NOTES.md): an echo request every `interval_s`; each `check_s` it
looks at all requests of the last `period_s`: answered, or lost when older than `late_s`, or not
counted yet. The alarm is on while lost / (answered + lost) in whole percent is above
`loss_percent`.
"""

import json
import os
import selectors
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any

SO_BINDTODEVICE = 25


class DpingerMonitor:
    """One line's record: requests of the last period, oldest first, as [sent, answered]."""

    def __init__(self, profile: dict[str, float], phase: float) -> None:
        self.profile = profile
        self.requests: deque[list[Any]] = deque()
        self.next_request_at = phase
        self.next_check_at = phase + profile["check_s"]
        self.alarm = False

    def record_request(self, now: float) -> list[Any]:
        """Note a request."""
        self.requests.append([now, False])
        self.next_request_at += self.profile["interval_s"]
        return self.requests[-1]

    def loss(self, now: float) -> int:
        """Loss over the period in whole percent."""
        while self.requests and self.requests[0][0] < now - self.profile["period_s"]:
            self.requests.popleft()
        answered = sum(1 for _, done in self.requests if done)
        late = now - self.profile["late_s"]
        lost = sum(1 for at, done in self.requests if not done and at < late)
        return 100 * lost // (answered + lost) if answered + lost else 0

    def update_alarm(self, now: float) -> int | None:
        """The loss at which the alarm has just changed; None when it has not."""
        self.next_check_at += self.profile["check_s"]
        loss = self.loss(now)
        changed = (loss > self.profile["loss_percent"]) != self.alarm
        self.alarm ^= changed
        return loss if changed else None


class MonitorGroup:
    """All monitors, with one raw socket."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.to = request["to"]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, request["interface"].encode())
        self.socket.settimeout(0)
        self.ident = os.getpid() & 0xFFFF
        self.monitors: dict[tuple[str, int], DpingerMonitor] = {}
        began = time.monotonic()
        for name, profile in request["profiles"].items():
            for number in range(request["count"]):
                phase = began + profile["interval_s"] * number / request["count"]
                self.monitors[name, number] = DpingerMonitor(profile, phase)
        self.unanswered: dict[int, list[Any]] = {}
        self.sequence = 0
        self.rows: list[list[Any]] = []

    def send(self, monitor: DpingerMonitor, now: float) -> None:
        """One request; a kernel that refuses it is a request without an answer."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        head = struct.pack("!BBHHH", 8, 0, 0, self.ident, self.sequence)
        total = sum(struct.unpack("!4H", head))
        total = (total & 0xFFFF) + (total >> 16)
        checksum = 0xFFFF & ~((total & 0xFFFF) + (total >> 16))
        self.unanswered[self.sequence] = monitor.record_request(now)
        with suppress(OSError):
            self.socket.sendto(head[:2] + struct.pack("!H", checksum) + head[4:], (self.to, 0))

    def read_answers(self) -> None:
        """Every answer that waits."""
        with suppress(OSError):
            while True:
                packet = self.socket.recv(2048)
                kind, _, _, ident, sequence = struct.unpack_from("!BBHHH", packet, 20)
                if kind == 0 and ident == self.ident and sequence in self.unanswered:
                    self.unanswered.pop(sequence)[1] = True

    def run_due(self, now: float) -> float:
        """Send and check what is due; when the next is due."""
        for (name, number), monitor in self.monitors.items():
            if monitor.next_request_at <= now:
                self.send(monitor, now)
            if monitor.next_check_at <= now:
                loss = monitor.update_alarm(now)
                if loss is not None:
                    self.rows.append([name, number, now, loss, monitor.alarm])
        return min(min(each.next_request_at, each.next_check_at) for each in self.monitors.values())

    def run(self) -> None:
        """Run until standard input ends."""
        selector = selectors.DefaultSelector()
        selector.register(self.socket, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        due = time.monotonic()
        while True:
            ready = [key.fileobj for key, _ in selector.select(max(0.0, due - time.monotonic()))]
            self.read_answers()
            if sys.stdin in ready:
                return
            due = self.run_due(time.monotonic())


if __name__ == "__main__":
    monitors = MonitorGroup(json.loads(sys.argv[1]))
    print("true", flush=True)
    monitors.run()
    print(json.dumps(monitors.rows))
