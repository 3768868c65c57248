"""An alert dispatcher beside web servers that answer as configured: for the tests of alerts."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lbrouter.daemon.events.alert_dispatcher import AlertDispatcher, AlertTiming
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.supervisor import run_forever
from lbrouter.model.config import Config
from tests.kit.builders import TWO_LINES, config_of

FAST_BACKOFF = AlertTiming(
    gather_s=0.02, min_interval_s=0.05, max_interval_s=0.2, retry_s=0.02, attempt_timeout_s=0.5
)


@dataclass
class WebhookServer:
    """A server that answers with `statuses` in turn (the last one for ever); 0 is never."""

    statuses: list[int]
    port: int = 0
    bodies: list[Any] = field(default_factory=list)
    request_heads: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.split("Content-Length: ")[1].split()[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self.request_heads.append(head)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            with suppress(ConnectionError):
                await reader.read()
        else:
            writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def webhook_server(*statuses: int) -> AsyncIterator[WebhookServer]:
    found = WebhookServer(list(statuses))
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@dataclass
class AlertHarness:
    """A running alert dispatcher, with its journal, folder and configuration."""

    journal: Journal
    folder: Path
    dispatcher: AlertDispatcher
    config: Config
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def emit_uplink_down(self, text: str = "fiber is down", **more: Any) -> None:
        self.journal.log(
            "uplink", text, subject="fiber", incident="1", after="down", reason="said so", **more
        )

    def alert_log(self) -> list[str]:
        return [each.text for each in self.journal.recent(1000) if each.kind == "alert"]

    async def stop(self) -> None:
        for part in self.tasks:
            part.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def running_dispatcher(
    folder: Path, alerts: str, *, timing: AlertTiming = FAST_BACKOFF
) -> AsyncIterator[AlertHarness]:
    journal = Journal(folder)
    config = config_of(f"{TWO_LINES}\n[alerts]\n{alerts}\n")
    dispatcher = AlertDispatcher(journal, folder, lambda: config, timing=timing)
    found = AlertHarness(journal, folder, dispatcher, config)
    errors: list[str] = []
    for name, work in dispatcher.tasks().items():
        found.tasks.append(asyncio.create_task(run_forever(name, work, errors.append)))
    try:
        await asyncio.sleep(0)  # its tasks subscribe to the journal
        yield found
        assert errors == []
    finally:
        await found.stop()
        journal.close()


def run_async(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


def webhook_setting(port: int) -> str:
    return f'webhook = "http://localhost:{port}/hook?room=7"'
