"""A server of the lab: answers TCP and UDP with the source it sees, and logs each flow.

Runs by its path inside a namespace, on the standard library alone. Started with one argument, JSON:
{"addresses": [...], "tcp": [ports], "udp": [ports]}. Prints `true` when it listens. Then each line
on standard input is a request, answered by one line of JSON: `log` (all flows), `clear`. The end
of standard input ends it, so that it never outlives the rehearsal.

What a client says on TCP, a line each: `GET ...` (HTTP, answered with the source), `who FLOW`
(answered with the source), `take N` (N bytes come), `give N` (N bytes follow, then "ok"); any other
line is echoed. On UDP: `e FLOW SEQ` is answered with the source and the same words, `o FLOW SEQ`
is only logged.
"""

import asyncio
import errno
import json
import resource
import sys
import time
from typing import Any

Key = tuple[str, str, int, str, int, str]

LOG: dict[Key, dict[str, Any]] = {}
FIELDS = ("protocol", "source", "source_port", "destination", "destination_port", "flow")


def note(protocol: str, source: Any, destination: Any, flow: str, size: int) -> None:
    """Count `size` bytes on a flow; a flow that comes from two sources has two entries."""
    key = (protocol, source[0], source[1], destination[0], destination[1], flow)
    row = LOG.setdefault(key, {"packets": 0, "bytes": 0, "at": time.time()})
    row["packets"] += 1
    row["bytes"] += size


def log_rows() -> list[dict[str, Any]]:
    """The log as rows of JSON."""
    return [{**dict(zip(FIELDS, key, strict=True)), **row} for key, row in LOG.items()]


class Echo(asyncio.DatagramProtocol):
    """UDP on one address, so that the answer leaves from the address that was asked."""

    def connection_made(self, transport: Any) -> None:
        """Remember the address on which this socket listens."""
        self.transport = transport
        self.here = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Log it, and answer unless it is one-way."""
        words = data.decode("latin-1").split()
        flow = words[1] if len(words) > 1 else ""
        note("udp", addr, self.here, flow, len(data))
        if not words or words[0] != "o":
            self.transport.sendto(f"{addr[0]} {addr[1]} ".encode() + data, addr)


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One TCP connection, from its first line to its end."""
    peer = writer.get_extra_info("peername")[:2]
    here = writer.get_extra_info("sockname")[:2]
    flow = ""
    try:
        while line := await reader.readline():
            word, _, rest = line.decode("latin-1").strip().partition(" ")
            if word == "who":
                flow = rest
            note("tcp", peer, here, flow, len(line))
            if word == "give":
                await reader.readexactly(int(rest))
            await answer(word, rest, line, peer, writer)
    except (OSError, asyncio.IncompleteReadError, ValueError):
        pass  # the far end died or talks another language: its flow is in the log
    finally:
        writer.close()


async def answer(
    word: str, rest: str, line: bytes, peer: Any, writer: asyncio.StreamWriter
) -> None:
    """Answer one line of a TCP client."""
    seen = f"{peer[0]} {peer[1]}\n".encode()
    if word == "GET":
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(seen)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + seen)
        writer.write_eof()
    elif word == "who":
        writer.write(seen)
    elif word == "take":
        writer.write(bytes(int(rest)))
    elif word == "give":
        writer.write(b"ok\n")
    else:
        writer.write(line)
    await writer.drain()


async def listen(request: dict[str, Any]) -> None:
    """Open every port on every address; one that is taken belongs to the host's own programs."""
    loop = asyncio.get_running_loop()
    for address in request["addresses"]:
        for port in request["tcp"]:
            try:
                await asyncio.start_server(talk, address, port, backlog=1024)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        for port in request["udp"]:
            try:
                await loop.create_datagram_endpoint(Echo, local_addr=(address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


async def main(request: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    # A file with many rules has many doors: one socket for each address and port.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    await listen(request)
    print("true", flush=True)
    while line := await requests.readline():
        rows = log_rows()
        if line.strip() == b"clear":
            LOG.clear()
        print(json.dumps(rows), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
