"""Traffic of an event while a line fails: an encoder, a one-way UDP stream, a call, new flows.

Runs by its path inside a client's namespace, on the standard library alone: `streams.py REQUEST`,
where REQUEST is JSON: {"to", "port", "name", "sources", "later", "kinds", "wait_s"}. From each
source run the streams of `kinds` (`push`, `udp`, `call`), and all sources in turn open new flows.
Each line on standard input is answered with the current state: `look`, `pause` (no new flows),
`later` (new flows from the sources of that name). At its end every row is printed.

The encoder does as OBS Studio does since 2022: it notices a dead connection by its error alone,
waits `wait_s`, connects again, and waits half as long again after each failure. It drops what the
connection does not take.
"""

import asyncio
import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lbrouter.rehearsal.agents.flow_client import (
        FlowRequest,
        FlowRow,
        ask_source,
        connect,
        failure_reason,
        new_row,
        run_and_record,
    )
else:
    sys.path.append(str(Path(__file__).parent))
    from flow_client import (
        FlowRequest,
        FlowRow,
        ask_source,
        connect,
        failure_reason,
        new_row,
        run_and_record,
    )

PUSH_INTERVAL_MS, PUSH_BYTES = 20, 2500
"""An encoder of one megabit per second, 50 pieces a second."""

UDP_INTERVAL_MS, UDP_BYTES = 20, 1316
"""A one-way stream of half a megabit per second, in packets of seven MPEG cells."""

CALL_INTERVAL_MS, CALL_BYTES = 20, 200
"""A call: 50 small packets a second, both ways (the far end echoes)."""

NEW_FLOW_INTERVAL_MS, NEW_FLOW_TIMEOUT_MS = 50, 1500
ENCODER_QUEUE_BYTES = 1 << 20
"""Bytes that wait in an encoder before it drops what comes."""

RECONNECT_BACKOFF_FACTOR = 1.5
RUNNING_WINDOW_MS = 300

REPORTED_FLOWS = 40
"""New flows that the answer shows: those of two seconds."""


class Stream:
    """One stream: the sources that its far end saw, when it broke, when an answer came; and when
    each of its datagrams was sent, and which were answered, by number.
    """

    def __init__(self, request: FlowRequest, kind: str, number: int, source: str) -> None:
        self.request, self.kind, self.source = request, kind, source
        self.flow = f"{request['name']}-{kind}-{number}"
        self.seen: list[tuple[float, str]] = []
        self.breaks: list[tuple[float, str]] = []
        self.times: list[float] = []
        self.sent: list[float] = []
        self.numbers: list[int] = []
        self.connection: Any = None

    def record_source(self, source: str) -> None:
        """The far end has told which source it sees."""
        if not self.seen or self.seen[-1][1] != source:
            self.seen.append((time.monotonic(), source))

    def is_running(self) -> bool:
        """Whether the far end has answered in the last 0.3 s; not known of a one-way stream."""
        if self.kind == "push":
            return self.connection is not None and ms_since_ack(self.connection) < RUNNING_WINDOW_MS
        recent = time.monotonic() - RUNNING_WINDOW_MS / 1000
        return self.kind == "udp" or bool(self.times and self.times[-1] > recent)

    def as_row(self) -> FlowRow:
        """The row that is printed."""
        names = ("kind", "flow", "source", "seen", "breaks", "times", "sent", "numbers")
        return {name: getattr(self, name) for name in names}


def ms_since_ack(line: Any) -> int:
    """How long ago the far end acknowledged anything (tcpi_last_ack_recv of linux/tcp.h)."""
    try:
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except OSError:
        return sys.maxsize
    return int(struct.unpack_from("I", info, 8 + 12 * 4)[0])


async def ticks(interval_ms: float) -> AsyncIterator[int]:
    """Numbers on a fixed grid; missed ones come at once."""
    began = time.monotonic()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number * interval_ms / 1000 - time.monotonic()))
        yield number


async def run_encoder(stream: Stream) -> None:
    """Connections one after the other, each until it breaks."""
    wait_s = first_s = float(stream.request["wait_s"])
    while True:
        try:
            reader, writer = await connect(stream.request, stream.source)
            stream.record_source(
                (await asyncio.wait_for(ask_source(reader, writer, stream.flow), 3))["seen"]
            )
            wait_s, stream.connection = first_s, writer.get_extra_info("socket")
            await push_until_broken(reader, writer, stream.flow)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            stream.breaks.append((time.monotonic(), failure_reason(error)))
        stream.connection = None
        await asyncio.sleep(wait_s)
        wait_s *= RECONNECT_BACKOFF_FACTOR


async def push_until_broken(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: str
) -> None:
    """Bytes at a steady rate. Raises when the connection is dead."""
    piece = bytes(PUSH_BYTES)
    ended = asyncio.create_task(reader.read(1))
    writer.write(f"push {flow}\n".encode())
    try:
        async for _ in ticks(PUSH_INTERVAL_MS):
            if ended.done():
                ended.result()
                raise ConnectionResetError(104, "closed by the far end")
            if writer.transport.get_write_buffer_size() < ENCODER_QUEUE_BYTES:
                writer.write(piece)
    finally:
        ended.cancel()
        writer.transport.abort()


class CallEchoProtocol(asyncio.DatagramProtocol):
    """Receives the echoes of a call."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        """An echo: the source that the far end saw, its port, then what was sent."""
        source, _port, _word, _flow, number, *_ = data.decode().split(" ")
        self.stream.record_source(source)
        self.stream.times.append(time.monotonic())
        self.stream.numbers.append(int(number))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error on the way: the stream goes on."""


async def send_packets(stream: Stream) -> None:
    """Numbered datagrams at a steady rate."""
    word, size, interval = (
        ("e", CALL_BYTES, CALL_INTERVAL_MS)
        if stream.kind == "call"
        else ("s", UDP_BYTES, UDP_INTERVAL_MS)
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: CallEchoProtocol(stream),
        remote_addr=(stream.request["to"], stream.request["port"]),
        local_addr=(stream.source, 0),
    )
    async for number in ticks(interval):
        stream.sent.append(time.monotonic())
        transport.sendto(f"{word} {stream.flow} {number} ".encode().ljust(size, b"."))


class NewFlows:
    """New connections, one each `NEW_FLOW_INTERVAL_MS`, from `sources` in turn (none if empty)."""

    def __init__(self, request: FlowRequest) -> None:
        self.request = {**request, "timeout_ms": NEW_FLOW_TIMEOUT_MS}
        self.sources: list[str] = request["sources"]
        self.rows: list[FlowRow] = []

    async def run(self) -> None:
        """Run until cancelled."""
        tasks = set()
        async for number in ticks(NEW_FLOW_INTERVAL_MS):
            if not self.sources:
                continue
            source = self.sources[number % len(self.sources)]
            begun = {"kind": "new", "at": time.monotonic()}
            row = {**new_row(self.request, number, source), **begun}
            self.rows.append(row)
            work = run_and_record(open_new_flow(self.request, row), row, NEW_FLOW_TIMEOUT_MS / 1000)
            tasks.add(task := asyncio.create_task(work))
            task.add_done_callback(tasks.discard)

    def handle_command(self, word: str) -> None:
        """A command of the rehearsal: `pause`, `later`, or another word, which does nothing."""
        if word == "pause":
            self.sources = []
        elif word == "later":
            self.sources = self.request["later"]


async def open_new_flow(request: FlowRequest, row: FlowRow) -> None:
    """Connect, ask for the source, close."""
    reader, writer = await connect(request, row["source"])
    try:
        row.update(await ask_source(reader, writer, row["flow"]))
    finally:
        writer.transport.abort()


def state_row(streams: list[Stream], rows: list[FlowRow]) -> FlowRow:
    """The last new flows, and whether every stream runs."""
    done = [row for row in rows if "ms" in row]
    shown = [
        {name: row[name] for name in ("at", "seen", "error")} for row in done[-REPORTED_FLOWS:]
    ]
    return {"new": shown, "running": all(stream.is_running() for stream in streams)}


def create_streams(request: FlowRequest) -> Iterator[Stream]:
    """A stream of each kind from each source."""
    for number, source in enumerate(request["sources"]):
        for kind in request["kinds"]:
            yield Stream(request, kind, number, source)


async def main(request: FlowRequest) -> None:
    """Run until standard input ends."""
    streams, new = list(create_streams(request)), NewFlows(request)
    runs = [
        run_encoder(stream) if stream.kind == "push" else send_packets(stream) for stream in streams
    ]
    work = [asyncio.create_task(run) for run in (*runs, new.run())]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        new.handle_command(line.decode().strip())
        print(json.dumps(state_row(streams, new.rows)), flush=True)
    for task in work:
        task.cancel()
    for row in (*(stream.as_row() for stream in streams), *new.rows):
        print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
