"""A server of the lab: answers TCP and UDP with the source it sees, and logs each flow.

Runs by its path inside a namespace, on the standard library alone. Started with one argument, JSON:
{"addresses": [...], "tcp": [ports], "udp": [ports]}. Prints `true` when it listens. Then each line
on standard input is a request, answered by one line of JSON: `log` (all flows), `clear`, `times`
(of each stream, when how much came, which numbers, and from which source since when; then they
start again). The
end of standard input ends it, so that it never outlives the rehearsal.

The requests of a client on TCP, a line each: `GET ...` (HTTP, answered with the source), `who FLOW`
(answered with the source), `take N` (N bytes come), `give N` (N bytes follow, then "ok"),
`push FLOW` (bytes follow until the end), `flood SECONDS PACE` (bytes come, at so many bits per
second or as fast as they go); any other line is echoed. On UDP: `e FLOW SEQ` is answered with the
source and the same words, `o FLOW SEQ` is only logged, of `s FLOW SEQ` the time is kept. A query to
port 53 is answered as by a resolver that knows one address for everything.
"""

import asyncio
import errno
import json
import resource
import socket
import sys
import time
from typing import Any

FlowKey = tuple[str, str, int, str, int, str]

SO_MAX_PACING_RATE = 47
"""From asm-generic/socket.h; Python's socket module lacks it."""

DNS_SERVER_PORT = 53
RESOLVED_IPV4 = "1.1.1.1"
RESOLVED_IPV6_BYTES = bytes.fromhex("2606470047000000000000000000") + b"\x11\x11"

FLOW_LOG: dict[FlowKey, dict[str, Any]] = {}
STREAM_ARRIVALS: dict[str, dict[str, list[Any]]] = {}
FLOW_KEY_FIELDS = ("protocol", "source", "source_port", "destination", "destination_port", "flow")


def log_packet(protocol: str, source: Any, destination: Any, flow: str, size: int) -> None:
    """Count `size` bytes on a flow; a flow that comes from two sources has two entries."""
    key = (protocol, source[0], source[1], destination[0], destination[1], flow)
    row = FLOW_LOG.setdefault(key, {"packets": 0, "bytes": 0, "at": time.time()})
    row["packets"] += 1
    row["bytes"] += size


def log_rows() -> list[dict[str, Any]]:
    """The log as rows of JSON."""
    return [
        {**dict(zip(FLOW_KEY_FIELDS, key, strict=True)), **row} for key, row in FLOW_LOG.items()
    ]


def dns_response(query: bytes) -> bytes:
    """Every name has one address, and no other record. RFC 1035."""
    kind = query[-4:-2]
    data = {b"\0\1": bytes(map(int, RESOLVED_IPV4.split("."))), b"\0\x1c": RESOLVED_IPV6_BYTES}.get(
        kind, b""
    )
    head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if data else b"\0\0") + bytes(4)
    if not data:
        return head + query[12:]
    return head + query[12:] + b"\xc0\x0c" + kind + b"\0\1\0\0\0\x3c" + bytes([0, len(data)]) + data


class UdpEchoProtocol(asyncio.DatagramProtocol):
    """UDP on one address, so that the answer leaves from the address that was asked."""

    def connection_made(self, transport: Any) -> None:
        """Remember the address on which this socket listens."""
        self.transport = transport
        self.local_address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Log it, and answer unless it is one-way."""
        words = data.decode("latin-1").split()
        flow = words[1] if len(words) > 1 else ""
        if self.local_address[1] == DNS_SERVER_PORT and words[:1] not in (["e"], ["o"]):
            self.transport.sendto(dns_response(data), addr)
            return
        log_packet("udp", addr, self.local_address, flow, len(data))
        if words and words[0] == "s":
            record_arrival(flow, addr[0], len(data), number=int(words[2]))
        elif not words or words[0] != "o":
            self.transport.sendto(f"{addr[0]} {addr[1]} ".encode() + data, addr)


async def serve_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One TCP connection, from its first line to its end."""
    peer = writer.get_extra_info("peername")[:2]
    here = writer.get_extra_info("sockname")[:2]
    flow = ""
    try:
        while line := await reader.readline():
            word, _, rest = line.decode("latin-1").strip().partition(" ")
            if word == "who":
                flow = rest
            log_packet("tcp", peer, here, flow, len(line))
            if word == "give":
                await reader.readexactly(int(rest))
            if word == "push":
                await receive_push(reader, rest, peer[0])
                return
            if word == "flood":
                await send_flood(writer, *map(float, rest.split()))
                return
            await answer_line(word, rest, line, peer, writer)
    except (OSError, asyncio.IncompleteReadError, ValueError):
        pass  # the far end died or has another protocol: its flow is in the log
    finally:
        writer.close()


async def receive_push(reader: asyncio.StreamReader, flow: str, source: str) -> None:
    """Receive bytes until the end; record when they came."""
    while data := await reader.read(1 << 18):
        record_arrival(flow, source, len(data))


async def send_flood(writer: asyncio.StreamWriter, seconds: float, pace: float) -> None:
    """Send bytes for so long, at `pace` bits per second unless that is 0."""
    if pace:
        line = writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, int(pace) // 8)
    until, piece = time.monotonic() + seconds, bytes(1 << 16)
    while time.monotonic() < until:
        writer.write(piece)
        await writer.drain()
    writer.transport.abort()


def record_arrival(flow: str, source: str, size: int, *, number: int | None = None) -> None:
    """Record that data of a stream came now; a datagram has a number."""
    now = time.monotonic()
    stream = STREAM_ARRIVALS.setdefault(flow, {"times": [], "sizes": [], "seen": [], "numbers": []})
    if number is not None:
        stream["numbers"].append(number)
    stream["times"].append(now)
    stream["sizes"].append(size)
    if not stream["seen"] or stream["seen"][-1][1] != source:
        stream["seen"].append((now, source))


async def answer_line(
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
                await asyncio.start_server(serve_tcp, address, port, backlog=1024)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        for port in request["udp"]:
            try:
                await loop.create_datagram_endpoint(UdpEchoProtocol, local_addr=(address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


async def main(request: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    # A file with many rules needs many sockets: one for each address and port.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    await listen(request)
    print("true", flush=True)
    while line := await requests.readline():
        print(json.dumps(control_reply(line.strip())), flush=True)


def control_reply(word: bytes) -> Any:
    """The answer to a request on standard input."""
    if word == b"times":
        streams = dict(STREAM_ARRIVALS)
        STREAM_ARRIVALS.clear()
        return streams
    rows = log_rows()
    if word == b"clear":
        FLOW_LOG.clear()
    return rows


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
