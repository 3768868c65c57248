"""Alerts on their way: servers and programs that fail, hang, or are not there."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lbrouter.daemon.alerts import WAITING, Messenger, Tempo
from lbrouter.daemon.journal import Journal
from lbrouter.daemon.parts import keep
from lbrouter.model.config import Config
from tests.situations import TWO_LINES, config_of

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


def test_a_page_that_fails_twice_gets_it_the_third_time(tmp_path: Path) -> None:
    async def work() -> None:
        async with page(500, 302, 204) as server, world(tmp_path, hook(server.port)) as here:
            here.happens()
            here.journal.say("move", "show moved", subject="show", incident="1")
            await until(lambda: len(here.said()) == 3)
            assert here.said() == [
                "webhook: an alert is not delivered, and tried again: status 500",
                "webhook: an alert is not delivered, and tried again: status 302",
                "webhook: an alert that failed at first is delivered",
            ]
            assert len({each["id"] for each in server.bodies}) == 1
            assert server.heads[0].startswith("POST /hook?room=7 HTTP/1.1\r\nHost: localhost:")
            body = server.bodies[-1]
            assert body["kinds"] == ["down"]
            assert body["gateway"] == "two-lines"
            assert "fiber is in trouble" in body["text"]
            assert [each["text"] for each in body["events"]] == ["fiber is down"]

    run(work())


def test_a_page_that_hangs_or_talks_nonsense_delays_nobody_else(tmp_path: Path) -> None:
    script = tmp_path / "told"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ncat > {script}\necho "$LBROUTER_TEXT" >> {script}\n')
    program.chmod(0o755)

    async def work() -> None:
        async with page(0) as server:
            text = f'{hook(server.port)}\ncommand = ["{program}"]'
            async with world(tmp_path, text) as here:
                loop = asyncio.get_running_loop()
                begun = loop.time()
                here.happens()
                await until(lambda: script.exists() and "in trouble" in script.read_text())
                assert loop.time() - begun < QUICK.within_s * 10
                await until(lambda: any("no answer within 0.5 s" in text for text in here.said()))

    run(work())


def test_a_page_that_is_away_gets_it_when_it_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            async with world(tmp_path, hook(port)) as here:
                here.happens()
                await until(lambda: any("Connect call failed" in text for text in here.said()))
                reserved.close()
                back = Page([200])
                server = await asyncio.start_server(back.answer, "127.0.0.1", port)
                async with server:
                    await until(lambda: back.bodies)

    run(work())


def test_a_flap_is_a_few_messages_and_each_event_is_counted(tmp_path: Path) -> None:
    async def work() -> None:
        async with page(200) as server, world(tmp_path, hook(server.port)) as here:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for number in range(300):
                here.happens(f"flap {number}")
                await asyncio.sleep(0.002)
            took_s = loop.time() - begun
            await until(lambda: sum(told(each) for each in server.bodies) == 300)
            # one at once, then the pauses 0.1, 0.2, 0.2 ...
            assert 2 <= len(server.bodies) <= 3 + took_s / 0.1
            assert here.said() == []

    def told(body: Any) -> int:
        return len(body["events"]) + int(body["omitted"])

    run(work())


def test_what_waits_outlives_the_daemon_and_a_broken_file_does_no_harm(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, hook(9)) as here:  # the discard service: nobody is there
            here.happens()
            await until(here.said)
        kept = json.loads((tmp_path / "alerts.json").read_text())
        assert (tmp_path / "alerts.json").stat().st_mode & 0o077 == 0
        async with page(200) as server, world(tmp_path, hook(server.port)):
            await until(lambda: server.bodies)
            assert server.bodies[0]["id"] == kept["webhook"][0]["id"]
            await until(lambda: json.loads((tmp_path / "alerts.json").read_text())["webhook"] == [])
        (tmp_path / "alerts.json").write_text('{"webhook": [{"at": "yesterday"}]}')
        async with world(tmp_path, hook(9)) as here:
            assert here.messenger._outboxes["webhook"].alerts == []

    run(work())


def test_old_news_is_given_up_and_the_queue_is_bounded(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, hook(9)) as here:
            here.happens()
            await until(here.said)
            box = here.messenger._outboxes["webhook"]
            box.alerts[0]["at"] = "2020-01-01T00:00:00Z"
            await until(lambda: any("given up after an hour" in text for text in here.said()))
            await until(lambda: not box.filled.is_set())
            event = here.journal.recent(1)[0].as_json()
            for _ in range(WAITING + 3):
                here.messenger._send([event])
            assert len(box.alerts) == WAITING
            assert sum("had to go" in text for text in here.said()) == 3

    run(work())


@pytest.mark.parametrize(
    "script, reason",
    [
        ("exit 3", "it ended with 3"),
        ("sleep 60 & sleep 60", "not done within 0.5 s: killed"),
        (None, "No such file or directory"),
        ("not a script", "it ended with 127"),
    ],
    ids=["fails", "hangs", "missing", "nonsense"],
)
def test_a_program_in_trouble_is_told_of(tmp_path: Path, script: str | None, reason: str) -> None:
    program = tmp_path / "program"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    async def work() -> None:
        async with world(tmp_path, f'command = ["{program}", "a b"]') as here:
            here.happens()
            await until(lambda: any(reason in text for text in here.said()))

    run(work())
    assert not left_over("sleep", "60")


def left_over(*words: str) -> list[Path]:
    """Processes of this very command line."""
    wanted = "\0".join([*words, ""])
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if each.read_text(errors="replace") == wanted:
                found.append(each)
    return found


def test_a_program_that_does_not_listen_and_leaves_a_child_is_done_at_once(tmp_path: Path) -> None:
    program, told = tmp_path / "program", tmp_path / "told"
    program.write_text(f"#!/bin/sh\nsleep 61 &\nenv > {told}.new; mv {told}.new {told}\n")
    program.chmod(0o755)

    async def work() -> None:
        async with world(tmp_path, f'command = ["{program}"]') as here:
            here.happens("fiber is down; rm -rf $(reboot)")
            await until(told.exists)
            await until(lambda: not here.messenger._outboxes["command"].filled.is_set())
            assert here.said() == []

    run(work())
    words = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert words["LBROUTER_KINDS"] == "down"
    assert words["LBROUTER_INCIDENTS"] == "1"
    assert words.keys() <= {
        *("PATH", "LANG", "TZ", "PWD", "SHLVL", "_", "OLDPWD"),
        *("LBROUTER_ALERT", "LBROUTER_GATEWAY", "LBROUTER_KINDS"),
        *("LBROUTER_INCIDENTS", "LBROUTER_TEXT"),
    }
    assert not left_over("sleep", "61")


def test_a_secret_stands_in_a_file_and_nowhere_else(tmp_path: Path) -> None:
    secret = tmp_path / "hook"
    secret.write_text("no URL with a s3cret")

    async def work() -> None:
        named = f'webhook_file = "{secret}"'
        async with page(403, 200) as server, world(tmp_path, named) as here:
            here.happens()
            await until(lambda: any("does not hold the URL" in text for text in here.said()))
            secret.write_text(f"http://localhost:{server.port}/s3cret\n")
            await until(lambda: len(server.bodies) == 2)
            secret.unlink()
            here.happens()
            await until(lambda: any("No such file" in text for text in here.said()))
            assert not any("s3cret" in text for text in here.said())

    run(work())
    assert "s3cret" not in (tmp_path / "alerts.json").read_text()


def test_what_nobody_asked_for_is_no_alert(tmp_path: Path) -> None:
    async def work() -> None:
        async with page(200) as server:
            text = f'{hook(server.port)}\non = ["move"]\nlanguage = "id"'
            async with world(tmp_path, text) as here:
                here.happens()
                here.journal.say("move", "x", subject="show", incident="1", to=["lte"])
                await until(lambda: server.bodies)
                assert server.bodies[0]["kinds"] == ["move"]
                assert "bermasalah" in server.bodies[0]["text"]

    run(work())
