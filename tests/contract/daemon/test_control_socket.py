"""Streams on the control socket: clients that disconnect, send more, or never read."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lbrouter.daemon.control_socket.protocol import control_socket_path
from lbrouter.daemon.control_socket.server import MAX_CONNECTIONS_PER_USER, ControlSocket
from tests.kit.wait import becomes_true


class StreamSource:
    """A control socket whose stream sends `news`, and which counts its listeners."""

    def __init__(self) -> None:
        self.listener_count = 0
        self.data_ready = asyncio.Event()

    async def answer(self, request: dict[str, Any]) -> Any:
        return {"asked": request["verb"]}

    async def stream(self, _asked: dict[str, Any]) -> AsyncGenerator[Any, None]:
        self.listener_count += 1
        try:
            await self.data_ready.wait()
            while True:
                yield {"news": "x" * 60_000}
                await asyncio.sleep(0)
        finally:
            self.listener_count -= 1


@asynccontextmanager
async def running_control_socket(folder: Path) -> AsyncIterator[StreamSource]:
    found = StreamSource()
    server = ControlSocket(folder, answer=found.answer, stream=found.stream)
    serving = asyncio.create_task(server.serve())
    await becomes_true(lambda: control_socket_path(folder).exists())
    try:
        yield found
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def send_line(folder: Path, line: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    streams = await asyncio.open_unix_connection(control_socket_path(folder), limit=1 << 20)
    streams[1].write(line)
    return streams


FOLLOW_REQUEST = b'{"verb": "follow"}\n'


def run_async(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


def test_a_follower_that_goes_frees_its_place_before_anything_happens(tmp_path: Path) -> None:
    async def work() -> None:
        async with running_control_socket(tmp_path) as here:
            for _ in range(3):
                connections = [
                    await send_line(tmp_path, FOLLOW_REQUEST)
                    for _ in range(MAX_CONNECTIONS_PER_USER)
                ]
                await becomes_true(lambda: here.listener_count == MAX_CONNECTIONS_PER_USER)
                for _, writer in connections:
                    writer.close()
                await becomes_true(lambda: here.listener_count == 0)
            reader, writer = await send_line(tmp_path, b'{"verb": "ping"}\n')
            assert json.loads(await reader.readline())["result"] == {"asked": "ping"}
            writer.close()

    run_async(work())


def test_a_follower_that_says_more_is_let_go(tmp_path: Path) -> None:
    async def work() -> None:
        async with running_control_socket(tmp_path) as here:
            reader, writer = await send_line(tmp_path, FOLLOW_REQUEST)
            await becomes_true(lambda: here.listener_count == 1)
            writer.write(b"garbage\n")
            assert await reader.read() == b""
            assert here.listener_count == 0
            writer.close()

    run_async(work())


def test_a_follower_that_never_reads_is_dropped_and_others_go_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with running_control_socket(tmp_path) as here:
            _, stuck = await send_line(tmp_path, FOLLOW_REQUEST)
            await becomes_true(lambda: here.listener_count == 1)
            here.data_ready.set()
            reader, writer = await send_line(tmp_path, FOLLOW_REQUEST)
            for _ in range(5):
                assert json.loads(await reader.readline())["ok"] is True
            writer.close()
            await becomes_true(lambda: here.listener_count == 0)
            stuck.close()

    run_async(work())


def test_the_end_of_the_socket_ends_its_streams_silently(tmp_path: Path) -> None:
    async def work() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        async with running_control_socket(tmp_path) as here:
            reader, writer = await send_line(tmp_path, FOLLOW_REQUEST)
            await becomes_true(lambda: here.listener_count == 1)
        writer.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)
        assert here.listener_count == 0
        assert complaints == []
        assert await reader.read() == b""

    run_async(work())
