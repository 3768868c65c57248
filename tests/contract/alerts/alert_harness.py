"""A messenger at work beside pages that answer as they are told: for the tests of alerts."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lbrouter.daemon.events.alert_dispatcher import Messenger, Tempo
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.supervisor import keep
from lbrouter.model.config import Config
from tests.kit.builders import TWO_LINES, config_of

QUICK = Tempo(gather_s=0.02, pause_s=0.05, longest_pause_s=0.2, retry_s=0.02, within_s=0.5)
PATIENCE_S = 20.0


@dataclass
class Page:
    """A server that answers with `statuses` in turn (the last one for ever); 0 is never."""

    statuses: list[int]
    port: int = 0
    bodies: list[Any] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.split("Content-Length: ")[1].split()[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self.heads.append(head)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            with suppress(ConnectionError):
                await reader.read()
        else:
            writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def page(*statuses: int) -> AsyncIterator[Page]:
    found = Page(list(statuses))
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@dataclass
class World:
    """A messenger at work, and what it has to go by."""

    journal: Journal
    folder: Path
    messenger: Messenger
    config: Config
    parts: list[asyncio.Task[None]] = field(default_factory=list)

    def happens(self, text: str = "fiber is down", **more: Any) -> None:
        self.journal.say(
            "uplink", text, subject="fiber", incident="1", after="down", reason="said so", **more
        )

    def said(self) -> list[str]:
        return [each.text for each in self.journal.recent(1000) if each.kind == "alert"]

    async def stop(self) -> None:
        for part in self.parts:
            part.cancel()
        await asyncio.gather(*self.parts, return_exceptions=True)


@asynccontextmanager
async def world(folder: Path, alerts: str, *, tempo: Tempo = QUICK) -> AsyncIterator[World]:
    journal = Journal(folder)
    config = config_of(f"{TWO_LINES}\n[alerts]\n{alerts}\n")
    messenger = Messenger(journal, folder, lambda: config, tempo=tempo)
    found = World(journal, folder, messenger, config)
    complaints: list[str] = []
    for name, work in messenger.parts().items():
        found.parts.append(asyncio.create_task(keep(name, work, complaints.append)))
    try:
        await asyncio.sleep(0)  # they listen
        yield found
        assert complaints == []
    finally:
        await found.stop()
        journal.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


def hook(port: int) -> str:
    return f'webhook = "http://localhost:{port}/hook?room=7"'
