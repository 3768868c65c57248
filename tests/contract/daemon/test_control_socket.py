"""Streams on the control socket: clients that go, that say more, that never read."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lbrouter.daemon.control.protocol import socket_of
from lbrouter.daemon.control.server import CONNECTIONS, ControlSocket

PATIENCE_S = 20.0


class World:
    """A socket whose stream tells of `news`, and which counts who listens."""

    def __init__(self) -> None:
        self.listening = 0
        self.news = asyncio.Event()

    async def answer(self, asked: dict[str, Any]) -> Any:
        return {"asked": asked["verb"]}

    async def stream(self, _asked: dict[str, Any]) -> AsyncGenerator[Any, None]:
        self.listening += 1
        try:
            await self.news.wait()
            while True:
                yield {"news": "x" * 60_000}
                await asyncio.sleep(0)
        finally:
            self.listening -= 1


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    found = World()
    server = ControlSocket(folder, answer=found.answer, stream=found.stream)
    serving = asyncio.create_task(server.serve())
    await until(lambda: socket_of(folder).exists())
    try:
        yield found
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


async def said(folder: Path, line: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    streams = await asyncio.open_unix_connection(socket_of(folder), limit=1 << 20)
    streams[1].write(line)
    return streams


FOLLOW = b'{"verb": "follow"}\n'


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


def test_a_follower_that_goes_frees_its_place_before_anything_happens(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as here:
            for _ in range(3):
                crowd = [await said(tmp_path, FOLLOW) for _ in range(CONNECTIONS)]
                await until(lambda: here.listening == CONNECTIONS)
                for _, writer in crowd:
                    writer.close()
                await until(lambda: here.listening == 0)
            reader, writer = await said(tmp_path, b'{"verb": "ping"}\n')
            assert json.loads(await reader.readline())["result"] == {"asked": "ping"}
            writer.close()

    run(work())


def test_a_follower_that_says_more_is_let_go(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as here:
            reader, writer = await said(tmp_path, FOLLOW)
            await until(lambda: here.listening == 1)
            writer.write(b"garbage\n")
            assert await reader.read() == b""
            assert here.listening == 0
            writer.close()

    run(work())


def test_a_follower_that_never_reads_is_dropped_and_others_go_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as here:
            _, stuck = await said(tmp_path, FOLLOW)
            await until(lambda: here.listening == 1)
            here.news.set()
            reader, writer = await said(tmp_path, FOLLOW)
            for _ in range(5):
                assert json.loads(await reader.readline())["ok"] is True
            writer.close()
            await until(lambda: here.listening == 0)
            stuck.close()

    run(work())


def test_the_end_of_the_socket_ends_its_streams_without_a_word(tmp_path: Path) -> None:
    async def work() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        async with world(tmp_path) as here:
            reader, writer = await said(tmp_path, FOLLOW)
            await until(lambda: here.listening == 1)
        writer.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)
        assert here.listening == 0
        assert complaints == []
        assert await reader.read() == b""

    run(work())
