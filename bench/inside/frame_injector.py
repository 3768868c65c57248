"""Hands frames to the kernel as if they had just come in by an interface, one new flow each.

Runs in the gateway's namespace: `frame_injector.py INTERFACE`. Each line on standard input is a
request in JSON (`Batch`), each line of output the processor time of it in nanoseconds. It says
`true` when it is ready.

An XDP program, run by the kernel itself (BPF_PROG_TEST_RUN with live frames, Linux 5.18), writes
each frame and passes it on: about 100 ns, where a socket would cost more than what is measured. All
that follows runs in this thread, so that its own processor time tells what a flow costs.
"""

import ctypes
import json
import os
import platform
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
BPF_MAP_CREATE, BPF_MAP_UPDATE, BPF_PROG_LOAD, BPF_PROG_TEST_RUN, BPF_LINK_CREATE = 0, 2, 5, 10, 28
BPF_MAP_TYPE_ARRAY, BPF_PROG_TYPE_XDP, BPF_XDP_ATTACH = 2, 6, 37
BPF_TEST_XDP_LIVE_FRAMES = 1 << 1
XDP_FLAGS_DRIVER = 1 << 2
XDP_DROP, XDP_PASS = 1, 2
LOOKUP_ELEMENT = 1
PSEUDO_MAP = 1

FRAME_BYTES = 60
"""The smallest frame without its checksum: Ethernet, IPv4, UDP and 18 bytes."""
PACKETS_AT_ONCE = 64
"""As many as an Ethernet driver hands over at once."""

SOURCE_MAC_LOW, CHECKSUM, SOURCE_LOW, TARGET_LOW, SOURCE_PORT = 10, 24, 28, 32, 34
"""Where the two bytes of a field lie in the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """New flows: `count` of them, `first` is the number of the first.

    Flow n belongs to client n % clients, and has the source port 1024 + n // clients.
    """

    gateway_mac: str
    source: str
    target: str
    clients: int
    first: int
    count: int


@dataclass(slots=True, kw_only=True)
class Program:
    """Instructions of BPF. Registers: 6 context, 7 frame, 8 its end, 9 the number of the flow."""

    code: list[bytes] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)

    def add(self, code: int, *, to: int = 0, of: int = 0, offset: int = 0, value: int = 0) -> None:
        """One instruction."""
        registers = of << 4 | to
        self.code.append(struct.pack("<BBhI", code, registers, offset, value & 0xFFFFFFFF))

    def load_constant(self, to: int, value: int, *, of: int = 0) -> None:
        """A constant of 64 bits: two instructions."""
        self.add(0x18, to=to, of=of, value=value)
        self.add(0, value=value >> 32)

    def exit_if(self, code: int, *, to: int, of: int = 0, value: int = 0) -> None:
        """Drop the frame where this comparison holds."""
        self.exits.append(len(self.code))
        self.add(code, to=to, of=of, value=value)

    def store_network_order(self, offset: int, register: int) -> None:
        """The low 16 bits of a register into the frame, as a protocol has them."""
        self.add(0xDC, to=register, value=16)
        self.add(0x6B, to=7, of=register, offset=offset)

    def finish(self) -> bytes:
        """The program: pass the frame on."""
        self.add(0xB7, to=0, value=XDP_PASS)
        self.add(0x95)
        drop = len(self.code)
        if self.exits:  # the kernel refuses instructions that cannot be reached
            self.add(0xB7, to=0, value=XDP_DROP)
            self.add(0x95)
        for place in self.exits:
            code, registers, _, value = struct.unpack("<BBhI", self.code[place])
            self.code[place] = struct.pack("<BBhI", code, registers, drop - place - 1, value)
        return b"".join(self.code)


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    call = ctypes.CDLL(None, use_errno=True).syscall
    found = int(call(BPF_SYSCALL, command, buffer, len(buffer)))
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found


def _load(code: bytes) -> int:
    log = ctypes.create_string_buffer(1 << 16)
    text = ctypes.create_string_buffer(code)
    license_name = ctypes.create_string_buffer(b"GPL")
    head = struct.pack(
        "<IIQQ", BPF_PROG_TYPE_XDP, len(code) // 8, *map(_address, (text, license_name))
    )
    try:
        return _bpf(BPF_PROG_LOAD, head + struct.pack("<IIQ", 1, len(log), _address(log)))
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {log.value.decode()[-800:]}") from None


def _address(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)


def attach_passing_program(interface: str) -> None:
    """Needed once: a veth takes such frames only while it has an XDP program of its own."""
    program = Program()
    attributes = (_load(program.finish()), socket.if_nametoindex(interface), BPF_XDP_ATTACH)
    _bpf(BPF_LINK_CREATE, struct.pack("<IIII", *attributes, XDP_FLAGS_DRIVER))


def frame_of(batch: Batch) -> bytes:
    """The frame of client 0, without checksums; UDP over IPv4 needs none."""
    mac = bytes.fromhex(batch.gateway_mac.replace(":", "")) + bytes([2, 0, 0, 9, 0, 0])
    addresses = socket.inet_aton(batch.source) + socket.inet_aton(batch.target)
    header = struct.pack("!BBHHHBBH", 0x45, 0, FRAME_BYTES - 14, 0, 0x4000, 64, 17, 0) + addresses
    udp = struct.pack("!HHHH", 1024, 5001, FRAME_BYTES - 34, 0)
    return (mac + b"\x08\x00" + header + udp).ljust(FRAME_BYTES, b"o")


def flow_program(batch: Batch, numbers: int) -> bytes:
    """Writes the frame of the next flow. `numbers` is the map that holds its number."""
    frame, program = frame_of(batch), Program()
    program.add(0xBF, to=6, of=1)
    program.add(0x61, to=7, of=6)
    program.add(0x61, to=8, of=6, offset=4)
    program.add(0xBF, to=1, of=7)
    program.add(0x07, to=1, value=FRAME_BYTES)
    program.exit_if(0x2D, to=1, of=8)
    program.add(0x62, to=10, offset=-4)
    program.add(0xBF, to=2, of=10)
    program.add(0x07, to=2, value=-4)
    program.load_constant(1, numbers, of=PSEUDO_MAP)
    program.add(0x85, value=LOOKUP_ELEMENT)
    program.exit_if(0x15, to=0)
    program.add(0x79, to=9, of=0)
    program.add(0xBF, to=1, of=9)
    program.add(0x07, to=1, value=1)
    program.add(0x7B, to=0, of=1)
    for place in range(0, FRAME_BYTES - 4, 8):
        program.load_constant(3, int.from_bytes(frame[place : place + 8], "little"))
        program.add(0x7B, to=7, of=3, offset=place)
    _write_client(program, batch, frame)
    return program.finish()


def _write_client(program: Program, batch: Batch, frame: bytes) -> None:
    """Source port, and the client: the end of its hardware address, of its address, the target."""
    program.add(0xBF, to=1, of=9)
    program.add(0x37, to=1, value=batch.clients)  # 1: how many flows this client has
    program.add(0xBF, to=2, of=1)
    program.add(0x07, to=2, value=1024)
    program.store_network_order(SOURCE_PORT, 2)
    program.add(0xBF, to=2, of=9)
    program.add(0x97, to=2, value=batch.clients)  # 2: the client
    program.add(0xBF, to=3, of=2)
    program.store_network_order(SOURCE_MAC_LOW, 3)
    (source,) = struct.unpack_from("!H", frame, SOURCE_LOW)
    (target,) = struct.unpack_from("!H", frame, TARGET_LOW)
    program.add(0x07, to=2, value=source)
    program.add(0x57, to=1, value=0x3F)
    program.add(0x07, to=1, value=target)
    words = struct.unpack("!10H", frame[14:34])
    rest = sum(words) - source - target
    program.add(0xBF, to=4, of=2)
    program.add(0x0F, to=4, of=1)
    program.add(0x07, to=4, value=rest)
    for _ in range(2):
        program.add(0xBF, to=5, of=4)
        program.add(0x77, to=5, value=16)
        program.add(0x57, to=4, value=0xFFFF)
        program.add(0x0F, to=4, of=5)
    program.add(0xA7, to=4, value=0xFFFF)
    program.store_network_order(SOURCE_LOW, 2)
    program.store_network_order(TARGET_LOW, 1)
    program.store_network_order(CHECKSUM, 4)


def inject(batch: Batch, interface: str) -> int:
    """Processor time of this thread in nanoseconds for all flows of the batch."""
    numbers = _bpf(BPF_MAP_CREATE, struct.pack("<IIII", BPF_MAP_TYPE_ARRAY, 4, 8, 1))
    program = None
    try:
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(8)
        value.raw = struct.pack("<Q", batch.first)
        _bpf(BPF_MAP_UPDATE, struct.pack("<IIQQQ", numbers, 0, _address(key), _address(value), 0))
        program = _load(flow_program(batch, numbers))
        frame = ctypes.create_string_buffer(FRAME_BYTES)
        context = ctypes.create_string_buffer(24)
        index = socket.if_nametoindex(interface)
        context.raw = struct.pack("<IIIIII", 0, FRAME_BYTES, 0, index, 0, 0)
        attributes = struct.pack(
            "<IIIIQQIIIIQQIII",
            *(program, 0, FRAME_BYTES, 0, _address(frame), 0, batch.count, 0),
            *(len(context), 0, _address(context), 0, BPF_TEST_XDP_LIVE_FRAMES, 0, PACKETS_AT_ONCE),
        )
        before = time.thread_time_ns()
        _bpf(BPF_PROG_TEST_RUN, attributes)
        return time.thread_time_ns() - before
    finally:
        for opened in (numbers, program):
            if opened is not None:
                os.close(opened)


def main(interface: str) -> Iterator[str]:
    """An answer for each request."""
    attach_passing_program(interface)
    yield "true"
    for line in sys.stdin:
        yield str(inject(Batch(**json.loads(line)), interface))


if __name__ == "__main__":
    for answer in main(sys.argv[1]):
        print(answer, flush=True)
