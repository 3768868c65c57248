"""What an event sends while a line fails: an encoder, a one-way UDP stream, a call, new flows.

Runs by its path inside a client's namespace, on the standard library alone: `streams.py REQUEST`,
where REQUEST is JSON: {"to", "port", "name", "sources", "later", "kinds", "wait_s"}. From each
source run the streams of `kinds` (`push`, `udp`, `call`), and all sources in turn open new flows.
Each line on standard input is answered with how things stand: `look`, `pause` (no new flows),
`later` (new flows from the sources of that name). At its end every row is printed.

The encoder does as OBS Studio does since 2022: it notices a dead connection by its error alone,
waits `wait_s`, connects anew, and waits half as long again after each failure. It drops what the
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
        Request,
        Row,
        attempt,
        connect,
        new_row,
        reason,
        who,
    )
else:
    sys.path.append(str(Path(__file__).parent))
    from flow_client import Request, Row, attempt, connect, new_row, reason, who

PUSH_MS, PUSH_BYTES = 20, 2500
"""An encoder of one megabit per second, 50 pieces a second."""

UDP_MS, UDP_BYTES = 20, 1316
"""A one-way stream of half a megabit per second, in packets of seven MPEG cells."""

CALL_MS, CALL_BYTES = 20, 200
"""A call: 50 small packets a second, both ways (the far end echoes)."""

NEW_MS, NEW_TIMEOUT_MS = 50, 1500
QUEUE = 1 << 20
"""Bytes that wait in an encoder before it drops what comes."""

GROWTH = 1.5
RECENT_MS = 300

SHOWN = 40
"""New flows that a glance shows: of two seconds."""


class Stream:
    """One stream: the sources that its far end saw, when it broke, when an answer came."""

    def __init__(self, request: Request, kind: str, number: int, source: str) -> None:
        self.request, self.kind, self.source = request, kind, source
        self.flow = f"{request['name']}-{kind}-{number}"
        self.seen: list[tuple[float, str]] = []
        self.breaks: list[tuple[float, str]] = []
        self.times: list[float] = []
        self.line: Any = None

    def sees(self, source: str) -> None:
        """The far end says where we come from."""
        if not self.seen or self.seen[-1][1] != source:
            self.seen.append((time.monotonic(), source))

    def runs(self) -> bool:
        """Whether the far end has answered in the last 0.3 s; nobody knows of a one-way stream."""
        if self.kind == "push":
            return self.line is not None and acknowledged_ms(self.line) < RECENT_MS
        recent = time.monotonic() - RECENT_MS / 1000
        return self.kind == "udp" or bool(self.times and self.times[-1] > recent)

    def row(self) -> Row:
        """As it is printed."""
        names = ("kind", "flow", "source", "seen", "breaks", "times")
        return {name: getattr(self, name) for name in names}


def acknowledged_ms(line: Any) -> int:
    """How long ago the far end acknowledged anything (tcpi_last_ack_recv of linux/tcp.h)."""
    try:
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except OSError:
        return sys.maxsize
    return int(struct.unpack_from("I", info, 8 + 12 * 4)[0])


async def ticks(interval_ms: float) -> AsyncIterator[int]:
    """Numbers on a fixed grid; what was missed comes at once."""
    began = time.monotonic()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number * interval_ms / 1000 - time.monotonic()))
        yield number


async def push(stream: Stream) -> None:
    """Connections one after the other, each until it breaks."""
    wait_s = first_s = float(stream.request["wait_s"])
    while True:
        try:
            reader, writer = await connect(stream.request, stream.source)
            stream.sees((await asyncio.wait_for(who(reader, writer, stream.flow), 3))["seen"])
            wait_s, stream.line = first_s, writer.get_extra_info("socket")
            await pushing(reader, writer, stream.flow)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            stream.breaks.append((time.monotonic(), reason(error)))
        stream.line = None
        await asyncio.sleep(wait_s)
        wait_s *= GROWTH


async def pushing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: str) -> None:
    """Bytes at a steady rate. Raises when the connection is dead."""
    piece = bytes(PUSH_BYTES)
    ended = asyncio.create_task(reader.read(1))
    writer.write(f"push {flow}\n".encode())
    try:
        async for _ in ticks(PUSH_MS):
            if ended.done():
                ended.result()
                raise ConnectionResetError(104, "closed by the far end")
            if writer.transport.get_write_buffer_size() < QUEUE:
                writer.write(piece)
    finally:
        ended.cancel()
        writer.transport.abort()


class Ear(asyncio.DatagramProtocol):
    """Hears the echoes of a call."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        """An echo begins with the source that the far end saw."""
        self.stream.sees(data.split(b" ", 1)[0].decode())
        self.stream.times.append(time.monotonic())

    def error_received(self, exc: Exception) -> None:
        """An ICMP error on the way: the stream goes on."""


async def packets(stream: Stream) -> None:
    """Numbered datagrams at a steady rate."""
    word, size, interval = (
        ("e", CALL_BYTES, CALL_MS) if stream.kind == "call" else ("s", UDP_BYTES, UDP_MS)
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Ear(stream),
        remote_addr=(stream.request["to"], stream.request["port"]),
        local_addr=(stream.source, 0),
    )
    async for number in ticks(interval):
        transport.sendto(f"{word} {stream.flow} {number} ".encode().ljust(size, b"."))


class Newcomers:
    """New connections, one every `NEW_MS`, from `sources` in turn; none while that is empty."""

    def __init__(self, request: Request) -> None:
        self.request = {**request, "timeout_ms": NEW_TIMEOUT_MS}
        self.sources: list[str] = request["sources"]
        self.rows: list[Row] = []

    async def run(self) -> None:
        """Until cancelled."""
        tasks = set()
        async for number in ticks(NEW_MS):
            if not self.sources:
                continue
            source = self.sources[number % len(self.sources)]
            begun = {"kind": "new", "at": time.monotonic()}
            row = {**new_row(self.request, number, source), **begun}
            self.rows.append(row)
            work = attempt(knock(self.request, row), row, NEW_TIMEOUT_MS / 1000)
            tasks.add(task := asyncio.create_task(work))
            task.add_done_callback(tasks.discard)

    def heed(self, word: str) -> None:
        """What the other side wants: `pause`, `later`, or nothing."""
        if word == "pause":
            self.sources = []
        elif word == "later":
            self.sources = self.request["later"]


async def knock(request: Request, row: Row) -> None:
    """Connect, ask who we are, leave."""
    reader, writer = await connect(request, row["source"])
    try:
        row.update(await who(reader, writer, row["flow"]))
    finally:
        writer.transport.abort()


def glance(streams: list[Stream], rows: list[Row]) -> Row:
    """The last new flows, and whether every stream runs."""
    done = [row for row in rows if "ms" in row]
    shown = [{name: row[name] for name in ("at", "seen", "error")} for row in done[-SHOWN:]]
    return {"new": shown, "running": all(stream.runs() for stream in streams)}


def started(request: Request) -> Iterator[Stream]:
    """A stream of each kind from each source."""
    for number, source in enumerate(request["sources"]):
        for kind in request["kinds"]:
            yield Stream(request, kind, number, source)


async def main(request: Request) -> None:
    """Until standard input ends."""
    streams, new = list(started(request)), Newcomers(request)
    runs = [push(each) if each.kind == "push" else packets(each) for each in streams]
    work = [asyncio.create_task(each) for each in (*runs, new.run())]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        new.heed(line.decode().strip())
        print(json.dumps(glance(streams, new.rows)), flush=True)
    for task in work:
        task.cancel()
    for row in (*(stream.row() for stream in streams), *new.rows):
        print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
