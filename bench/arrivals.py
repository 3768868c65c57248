"""What arrives at an interface, by the kernel's own clock, without an error of our own.

A counter that is read by a command is read some tens of milliseconds late on a busy machine, which
is 10 % of a window of half a second. Each frame's own time has no such error.
"""

import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

PCAP_HEAD = 24
PCAP_RECORD = struct.Struct("=IIII")
FRAME_HEADER_BYTES, PROTOCOL_AT, PORT_AT = 14, 23, 36
BUFFER_KB = "16384"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Moment (seconds since the epoch), length with the Ethernet header, destination port.

    The port is 0 where the frame is no UDP over IPv4.
    """

    at: float
    size: int
    port: int = 0


class FrameCapture:
    """Frames that arrive while the block runs; complete after it."""

    def __init__(self, netns_argv: Sequence[str], interface: str, *, way: str = "in") -> None:
        """`netns_argv` runs a command in the host. `way` "out": frames as they leave, after
        the queues. Between namespaces a frame waits for the processor, up to a millisecond.
        """
        capture_argv = ("tcpdump", "-i", interface, "-Q", way, "-s", "64", "-U", "-B", BUFFER_KB)
        self.argv = [*netns_argv, *capture_argv, "-Z", "root", "-w"]
        self.frames: list[Frame] = []

    def __enter__(self) -> Self:
        self.folder = TemporaryDirectory(prefix="lbr-bench-")
        self.file = Path(self.folder.name) / "frames.pcap"
        self.process = subprocess.Popen([*self.argv, str(self.file)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not self.file.exists() or self.file.stat().st_size < PCAP_HEAD:
            if time.monotonic() > until:
                raise RuntimeError("tcpdump does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.frames = list(_frames(self.file.read_bytes()))
        self.folder.cleanup()


def _frames(content: bytes) -> Iterator[Frame]:
    place = PCAP_HEAD
    while place + PCAP_RECORD.size <= len(content):
        seconds, micro, kept, length = PCAP_RECORD.unpack_from(content, place)
        place += PCAP_RECORD.size
        data = content[place : place + kept]
        yield Frame(at=seconds + micro / 1e6, size=length, port=_port(data))
        place += kept


def _port(data: bytes) -> int:
    udp = data[12:14] == b"\x08\x00" and data[PROTOCOL_AT] == socket.IPPROTO_UDP
    return int.from_bytes(data[PORT_AT : PORT_AT + 2]) if udp else 0


def busiest_window_bytes(frames: Iterable[Frame], window_s: float) -> int:
    """Bytes in the busiest window."""
    held: list[Frame] = []
    most_yet, sum_now, first = 0, 0, 0
    for frame in frames:
        held.append(frame)
        sum_now += frame.size
        while held[first].at <= frame.at - window_s:
            sum_now -= held[first].size
            first += 1
        most_yet = max(most_yet, sum_now)
    return most_yet


def bytes_between(frames: Iterable[Frame], begin: float, end: float) -> int:
    """Bytes that arrived in [`begin`, `end`)."""
    return sum(frame.size for frame in frames if begin <= frame.at < end)
