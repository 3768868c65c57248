"""Living flows and new flows of one client, of each family, until standard input ends.

Runs by its path inside a namespace, on the standard library alone: `evening_program.py REQUEST`,
JSON: [{"family", "to", "port", "source"}, ...]. Prints `true` when it has begun. Each line on
standard input is answered by one line of JSON, by family: {"new": rows of new flows that are over
since the last report, "ended": [[time, source, why]] of living TCP, "moved": [[time, old, new]] of
living UDP, "tcp": [source, last answer], "udp": the same}. Times are monotonic.
"""

import asyncio
import errno
import itertools
import json
import socket
import sys
import time
from typing import Any

LIVING_INTERVAL_S = 0.1
NEW_INTERVAL_S = 0.25
NEW_FLOW_TIMEOUT_S = 2.5
RECONNECT_PAUSE_S = 0.1
NEW_FLOW_PORTS = range(10_000, 32_000)
"""In turn, below the kernel's own: a port that the gateway still knows is the flow of before."""

ERROR_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.ETIMEDOUT: "silent",
}


def error_word(error: BaseException) -> str:
    """One word for why a flow failed."""
    if isinstance(error, TimeoutError) and not getattr(error, "errno", None):
        return "silent"
    number = getattr(error, "errno", None)
    return ERROR_WORDS.get(number, str(error)) if number else type(error).__name__


class Echo(asyncio.DatagramProtocol):
    """Tells each answer's source, as the far end saw it, and each error."""

    def __init__(self, answered: Any, failed: Any) -> None:
        self.answered, self.failed = answered, failed

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        """An answer: the source first."""
        self.answered(data.split()[0].decode())

    def error_received(self, exc: Exception) -> None:
        """An ICMP error."""
        self.failed(error_word(exc))


class Flows:
    """The flows of one family."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.to = (request["to"], request["port"])
        self.local = (request["source"], 0)
        self.ports = itertools.cycle(NEW_FLOW_PORTS)
        self.report: dict[str, Any] = {}
        self.living: dict[str, list[Any]] = {"tcp": ["", 0.0], "udp": ["", 0.0]}
        self.clear()

    def clear(self) -> dict[str, Any]:
        """The report, which then begins again."""
        said = {**self.report, **self.living}
        self.report = {"new": [], "ended": [], "moved": []}
        return said

    async def living_tcp(self) -> None:
        """A connection that asks and is answered; opened again when it ends."""
        while True:
            why, opened = "closed", False
            try:
                reader, writer = await self.connect()
                try:
                    opened = True
                    await self.converse(reader, writer)
                finally:
                    writer.transport.abort()
            except (OSError, TimeoutError) as error:
                why = error_word(error)
            if opened and self.living["tcp"][0]:
                self.report["ended"].append([time.monotonic(), self.living["tcp"][0], why])
            self.living["tcp"][0] = ""
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection within its time."""
        opening = asyncio.open_connection(*self.to, local_addr=self.local)
        return await asyncio.wait_for(opening, NEW_FLOW_TIMEOUT_S)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask for the source again and again; ends with an error or the far end's end."""

        async def ask() -> None:
            while True:
                writer.write(b"who evening\n")
                await asyncio.sleep(LIVING_INTERVAL_S)

        asking = asyncio.create_task(ask())
        try:
            while line := await reader.readline():
                self.living["tcp"] = [line.split()[0].decode(), time.monotonic()]
        finally:
            asking.cancel()

    async def living_udp(self) -> None:
        """Datagrams from one port, at a steady pace."""

        def answered(seen: str) -> None:
            old = self.living["udp"][0]
            if old not in ("", seen):
                self.report["moved"].append([time.monotonic(), old, seen])
            self.living["udp"] = [seen, time.monotonic()]

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Echo(answered, lambda _why: None), remote_addr=self.to, local_addr=self.local
        )
        number = 0
        while True:
            transport.sendto(f"e living {number}".encode())
            number += 1
            await asyncio.sleep(LIVING_INTERVAL_S)

    async def new_flows(self) -> None:
        """A new flow of TCP and one of UDP at each moment of a grid."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            for work in (self.new_tcp(), self.new_udp()):
                task = asyncio.create_task(work)
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(NEW_INTERVAL_S)

    async def new_tcp(self) -> None:
        """Connect, ask, end."""
        began, seen, why = time.monotonic(), "", ""
        try:
            reader, writer = await self.connect()
            try:
                writer.write(b"who new\n")
                line = await asyncio.wait_for(reader.readline(), NEW_FLOW_TIMEOUT_S)
                seen = line.split()[0].decode() if line else ""
                why = "" if line else "closed"
            finally:
                writer.transport.abort()
        except (OSError, TimeoutError) as error:
            why = error_word(error)
        self.report["new"].append(["tcp", began, time.monotonic(), seen, why])

    async def new_udp(self) -> None:
        """Up to three datagrams until an answer comes."""
        loop, began = asyncio.get_running_loop(), time.monotonic()
        done: asyncio.Future[tuple[str, str]] = loop.create_future()

        def end(seen: str, why: str) -> None:
            if not done.done():
                done.set_result((seen, why))

        transport, _ = await loop.create_datagram_endpoint(
            lambda: Echo(lambda seen: end(seen, ""), lambda why: end("", why)),
            remote_addr=self.to,
            local_addr=(self.local[0], next(self.ports)),
        )
        for number in range(3):
            transport.sendto(f"e new {number}".encode())
            await asyncio.wait([done], timeout=NEW_FLOW_TIMEOUT_S / 3)
            if done.done():
                break
        end("", "silent")
        transport.close()
        self.report["new"].append(["udp", began, time.monotonic(), *done.result()])


async def main(requests: list[dict[str, Any]]) -> None:
    """All families at once."""
    families = {str(each["family"]): Flows(each) for each in requests}
    works = [
        asyncio.create_task(work)
        for each in families.values()
        for work in (each.living_tcp(), each.living_udp(), each.new_flows())
    ]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    print("true", flush=True)
    while await lines.readline():
        broken = [str(each.exception()) for each in works if each.done()]
        reports = {name: each.clear() for name, each in families.items()}
        print(json.dumps({**reports, "broken": broken}), flush=True)


if __name__ == "__main__":
    assert socket.has_ipv6
    asyncio.run(main(json.loads(sys.argv[1])))
