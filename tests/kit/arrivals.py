"""What has arrived at the interfaces of a namespace, by the kernel's counters, and when.

A program that counts what it receives is late where the processor is busy; the kernel's counters
are not. Counter and clock are read as one.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from lbrouter.kernel.netns import in_namespace

TCP_HEADER_BYTES = 66
"""Of each packet: Ethernet, IPv4, and TCP with timestamps. A pure ACK has nothing else."""
MAX_READ_S = 0.002
"""A reading that took longer was interrupted: its moment is not known well enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Bytes and packets that had arrived at a moment of CLOCK_MONOTONIC, in seconds.

    A packet is what the receiver's kernel got as one, a bundle of segments too.
    """

    at_s: float
    frame_bytes: int
    packets: int

    def frame_bps(self, later: "Arrivals") -> float:
        """Bits per second from here to `later`, Ethernet headers included."""
        return 8 * (later.frame_bytes - self.frame_bytes) / (later.at_s - self.at_s)

    def tcp_payload_bps(self, later: "Arrivals") -> float:
        """The same of what TCP carries; ACKs of the other direction count as nothing."""
        headers = TCP_HEADER_BYTES * (later.packets - self.packets)
        return 8 * (later.frame_bytes - self.frame_bytes - headers) / (later.at_s - self.at_s)


def read_arrivals(namespace: str, *interfaces: str) -> Arrivals:
    """The counters of these interfaces, added up. Raises OSError, KeyError for an unknown one."""
    with in_namespace(Path("/run/netns") / namespace):
        while True:
            before = time.monotonic()
            table = Path("/proc/thread-self/net/dev").read_text()
            after = time.monotonic()
            if after - before < MAX_READ_S:
                break
    lines = [line.partition(":") for line in table.splitlines()[2:]]
    rows = {name.strip(): counters.split() for name, _, counters in lines}
    return Arrivals(
        at_s=(before + after) / 2,
        frame_bytes=sum(int(rows[each][0]) for each in interfaces),
        packets=sum(int(rows[each][1]) for each in interfaces),
    )
