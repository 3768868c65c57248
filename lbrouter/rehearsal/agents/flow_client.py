"""Traffic of one client host of the lab: many flows in one process, a row of JSON for each.

Runs by its path inside a namespace, on the standard library alone: `flow_client.py VERB REQUEST`,
where REQUEST is JSON. The verbs: `flows` (new TCP connections, each its own), `udp` (flows of
datagrams, echoed or one-way), `hold` (connections that stay and ping), `ping` (numbered datagrams
at a steady rate). `hold` and `ping` go on until standard input ends. Rows are printed at the end,
because a pipe that is not read yet would stall the traffic.
"""

import asyncio
import errno
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

FlowRequest = dict[str, Any]
FlowRow = dict[str, Any]

FLOW_ROWS: list[FlowRow] = []

FLOW_ERRNO_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.ETIMEDOUT: "silent",
}


def failure_reason(error: BaseException) -> str:
    """One word for why a flow failed; `silent` when nothing answered at all."""
    if isinstance(error, asyncio.IncompleteReadError):
        return "closed"
    if isinstance(error, TimeoutError) and not getattr(error, "errno", None):
        return "silent"
    code = getattr(error, "errno", None)
    return FLOW_ERRNO_REASONS.get(code, str(error)) if code else str(error)


def source_cycle(request: FlowRequest) -> "itertools.cycle[str | None]":
    """The local addresses to bind to in turn; None lets the kernel choose."""
    return itertools.cycle(request.get("sources") or [None])


async def connect(
    request: FlowRequest, source: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection to the request's server within its time."""
    local = (source, 0) if source else None
    opening = asyncio.open_connection(request["to"], request["port"], local_addr=local)
    return await asyncio.wait_for(opening, request.get("timeout_ms", 3000) / 1000)


async def ask_source(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: str
) -> FlowRow:
    """Ask the server which source it sees."""
    writer.write(f"who {flow}\n".encode())
    words = (await reader.readline()).decode().split()
    if len(words) != 2:
        raise ConnectionResetError(errno.ECONNRESET, "closed before an answer")
    return {"seen": words[0], "seen_port": int(words[1])}


async def run_flow(request: FlowRequest, row: FlowRow, source: str | None) -> None:
    """One flow: connect, ask, move the bytes, ask again."""
    reader, writer = await connect(request, source)
    try:
        row["source"], row["source_port"] = writer.get_extra_info("sockname")[:2]
        row.update(await ask_source(reader, writer, row["flow"]))
        if take := request.get("take", 0):
            writer.write(f"take {take}\n".encode())
            await reader.readexactly(take)
        if give := request.get("give", 0):
            writer.write(f"give {give}\n".encode() + bytes(give))
            await reader.readline()
    finally:
        writer.close()


async def run_and_record(work: Awaitable[None], row: FlowRow, timeout_s: float) -> None:
    """Await `work`; a failure becomes the row's `error`."""
    began = time.monotonic()
    try:
        await asyncio.wait_for(work, timeout_s)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        row["error"] = failure_reason(error)
    row["ms"] = round((time.monotonic() - began) * 1000, 2)
    FLOW_ROWS.append(row)


async def open_tcp_flows(request: FlowRequest) -> None:
    """`count` new connections, `concurrency` of them at a time, bound to the sources in turn."""
    gate = asyncio.Semaphore(request.get("concurrency", 20))
    timeout_s = request.get("timeout_ms", 3000) / 1000

    async def one(number: int, source: str | None) -> None:
        async with gate:
            row = new_row(request, number, source)
            await run_and_record(run_flow(request, row, source), row, timeout_s)

    pairs = zip(range(request["count"]), source_cycle(request), strict=False)
    await asyncio.gather(*(one(number, source) for number, source in pairs))


def new_row(request: FlowRequest, number: int, source: str | None) -> FlowRow:
    """The start of a flow's row."""
    return {
        "flow": f"{request.get('name', 'flow')}-{number}",
        "source": source or "",
        "source_port": 0,
        "seen": "",
        "seen_port": 0,
        "error": "",
    }


class UdpReplyProtocol(asyncio.DatagramProtocol):
    """Collects what comes back on one UDP flow: time, source as the far end saw it, number."""

    def __init__(self) -> None:
        self.replies: list[tuple[float, str, int]] = []
        self.error = ""

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        """An answer: the source that the far end saw, then what we sent."""
        words = data.decode("latin-1").split()
        self.replies.append((time.monotonic(), words[0], int(words[4])))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error that belongs to this flow."""
        self.error = failure_reason(exc)


async def send_datagrams(
    request: FlowRequest, row: FlowRow, source: str | None, numbers: AsyncIterator[int]
) -> UdpReplyProtocol:
    """Send one numbered datagram for each of `numbers`; what came back, after a grace period."""
    transport, receiver = await asyncio.get_running_loop().create_datagram_endpoint(
        UdpReplyProtocol,
        remote_addr=(request["to"], request["port"]),
        local_addr=(source, 0) if source else None,
    )
    row["source"], row["source_port"] = transport.get_extra_info("sockname")[:2]
    word = "e" if request.get("echo", True) else "o"
    sent = 0
    async for number in numbers:
        transport.sendto(f"{word} {row['flow']} {number}".encode())
        sent += 1
    await wait_for_replies(
        receiver, sent if word == "e" else 0, request.get("grace_ms", 300) / 1000
    )
    transport.close()
    row.update(sent=sent, received=len({h[2] for h in receiver.replies}), error=receiver.error)
    row["sources_seen"] = sorted({h[1] for h in receiver.replies})
    return receiver


async def wait_for_replies(protocol: UdpReplyProtocol, wanted: int, grace_s: float) -> None:
    """Wait until `wanted` answers are there, or the grace period is over."""
    until = time.monotonic() + grace_s
    while len(protocol.replies) < wanted and time.monotonic() < until:
        await asyncio.sleep(0.01)


async def paced_numbers(count: int, interval_s: float) -> AsyncIterator[int]:
    """Numbers 0 to `count` - 1, each at its own moment on a fixed grid."""
    began = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number * interval_s - time.monotonic()))
        yield number


async def paced_numbers_until(stop: asyncio.Event, interval_s: float) -> AsyncIterator[int]:
    """Numbers on a fixed grid until `stop` is set."""
    async for number in paced_numbers(sys.maxsize, interval_s):
        if stop.is_set():
            return
        yield number


async def send_udp_flows(request: FlowRequest) -> None:
    """`count` flows of `packets` datagrams, `interval_ms` apart, all flows at once."""
    interval_s = request.get("interval_ms", 20) / 1000

    async def one(number: int, source: str | None) -> None:
        row = new_row(request, number, source)
        await send_datagrams(
            request, row, source, paced_numbers(request.get("packets", 10), interval_s)
        )
        FLOW_ROWS.append(row)

    pairs = zip(range(request["count"]), source_cycle(request), strict=False)
    await asyncio.gather(*(one(number, source) for number, source in pairs))


async def ping(request: FlowRequest) -> None:
    """One flow of numbered datagrams until stopped; which numbers were lost, the longest gap."""
    row = new_row(request, 0, None)
    stop = await stdin_closed_event()
    interval_s = request.get("interval_ms", 10) / 1000
    numbers = paced_numbers_until(stop, interval_s)
    receiver = await send_datagrams(request, row, next(source_cycle(request)), numbers)
    echoed = {number for _, _, number in receiver.replies}
    row["lost"] = sorted(set(range(row["sent"])) - echoed)
    row["max_gap_ms"] = longest_gap_ms([at for at, _, _ in receiver.replies])
    FLOW_ROWS.append(row)


def longest_gap_ms(times: list[float]) -> float:
    """The longest time between two neighbours."""
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    return round(max(gaps, default=0.0) * 1000, 1)


async def stdin_closed_event() -> asyncio.Event:
    """An event that is set when standard input ends."""
    stop = asyncio.Event()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def watch() -> None:
        await reader.read()
        stop.set()

    stop.watcher = asyncio.create_task(watch())  # type: ignore[attr-defined]
    return stop


async def hold_connections(request: FlowRequest) -> None:
    """`count` connections that stay open and ping every `interval_ms` until stopped.

    Says `true` once all of them are open or failed, so that the caller knows when to begin.
    """
    stop = await stdin_closed_event()
    opened = [asyncio.Event() for _ in range(request["count"])]

    async def one(number: int, source: str | None) -> None:
        row = new_row(request, number, source) | {"sent": 0, "received": 0, "max_gap_ms": 0.0}
        try:
            await hold_connection(request, row, source, stop, opened[number])
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            row["error"] = failure_reason(error)
        opened[number].set()
        FLOW_ROWS.append(row)

    pairs = zip(range(request["count"]), source_cycle(request), strict=False)
    work = asyncio.gather(*(one(number, source) for number, source in pairs))
    await asyncio.gather(*(event.wait() for event in opened))
    print("true", flush=True)
    await work


async def hold_connection(
    request: FlowRequest,
    row: FlowRow,
    source: str | None,
    stop: asyncio.Event,
    opened: asyncio.Event,
) -> None:
    """One connection that stays: open, ask for the source, ping until stopped."""
    timeout_s = request.get("timeout_ms", 3000) / 1000
    reader, writer = await connect(request, source)
    try:
        row["source"], row["source_port"] = writer.get_extra_info("sockname")[:2]
        row.update(await asyncio.wait_for(ask_source(reader, writer, row["flow"]), timeout_s))
        opened.set()
        times = [time.monotonic()]
        async for number in paced_numbers_until(stop, request.get("interval_ms", 50) / 1000):
            writer.write(f"p {number}\n".encode())
            row["sent"] += 1
            await asyncio.wait_for(reader.readuntil(), timeout_s)
            times.append(time.monotonic())
            row["received"] += 1
            row["max_gap_ms"] = max(row["max_gap_ms"], longest_gap_ms(times[-2:]))
    finally:
        writer.close()


TRAFFIC_VERBS = {
    "flows": open_tcp_flows,
    "udp": send_udp_flows,
    "hold": hold_connections,
    "ping": ping,
}


if __name__ == "__main__":
    asyncio.run(TRAFFIC_VERBS[sys.argv[1]](json.loads(sys.argv[2])))
    print("\n".join(json.dumps(row) for row in FLOW_ROWS))
