"""Alerts to a webhook that fails, hangs, is unreachable, or has a secret URL."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

from lbrouter.daemon.events.alert_dispatcher import MAX_QUEUED_ALERTS
from tests.contract.alerts.alert_harness import (
    FAST_BACKOFF,
    WebhookServer,
    run_async,
    running_dispatcher,
    webhook_server,
    webhook_setting,
)
from tests.kit.wait import becomes_true


def test_a_page_that_fails_twice_gets_it_the_third_time(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            webhook_server(500, 302, 204) as server,
            running_dispatcher(tmp_path, webhook_setting(server.port)) as harness,
        ):
            harness.emit_uplink_down()
            harness.journal.log("move", "show moved", subject="show", incident="1")
            await becomes_true(lambda: len(harness.alert_log()) == 3)
            assert harness.alert_log() == [
                "webhook: an alert is not delivered, and tried again: status 500",
                "webhook: an alert is not delivered, and tried again: status 302",
                "webhook: an alert is delivered, after failed tries",
            ]
            assert len({each["id"] for each in server.bodies}) == 1
            assert server.request_heads[0].startswith(
                "POST /hook?room=7 HTTP/1.1\r\nHost: localhost:"
            )
            body = server.bodies[-1]
            assert body["kinds"] == ["down"]
            assert body["gateway"] == "two-lines"
            assert "fiber had a problem" in body["text"]
            assert [each["text"] for each in body["events"]] == ["fiber is down"]

    run_async(work())


def test_a_page_that_hangs_or_talks_nonsense_delays_nobody_else(tmp_path: Path) -> None:
    script = tmp_path / "told"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ncat > {script}\necho "$LBROUTER_TEXT" >> {script}\n')
    program.chmod(0o755)

    async def work() -> None:
        async with webhook_server(0) as server:
            text = f'{webhook_setting(server.port)}\ncommand = ["{program}"]'
            async with running_dispatcher(tmp_path, text) as harness:
                loop = asyncio.get_running_loop()
                begun = loop.time()
                harness.emit_uplink_down()
                await becomes_true(
                    lambda: script.exists() and "had a problem" in script.read_text()
                )
                assert loop.time() - begun < FAST_BACKOFF.attempt_timeout_s * 10
                await becomes_true(
                    lambda: any("no answer within 0.5 s" in text for text in harness.alert_log())
                )

    run_async(work())


def test_a_page_that_is_away_gets_it_when_it_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            async with running_dispatcher(tmp_path, webhook_setting(port)) as harness:
                harness.emit_uplink_down()
                await becomes_true(
                    lambda: any("Connect call failed" in text for text in harness.alert_log())
                )
                reserved.close()
                back = WebhookServer([200])
                server = await asyncio.start_server(back.answer, "127.0.0.1", port)
                async with server:
                    await becomes_true(lambda: back.bodies)

    run_async(work())


def test_a_flap_is_a_few_messages_and_each_event_is_counted(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            webhook_server(200) as server,
            running_dispatcher(tmp_path, webhook_setting(server.port)) as harness,
        ):
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for number in range(300):
                harness.emit_uplink_down(f"flap {number}")
                await asyncio.sleep(0.002)
            took_s = loop.time() - begun
            await becomes_true(lambda: sum(event_count(each) for each in server.bodies) == 300)
            # one at once, then the pauses 0.1, 0.2, 0.2 ...
            assert 2 <= len(server.bodies) <= 3 + took_s / 0.1
            assert harness.alert_log() == []

    def event_count(body: Any) -> int:
        return len(body["events"]) + int(body["omitted"])

    run_async(work())


def test_what_waits_outlives_the_daemon_and_a_broken_file_does_no_harm(tmp_path: Path) -> None:
    async def work() -> None:
        async with running_dispatcher(
            tmp_path, webhook_setting(9)
        ) as harness:  # the discard port: no server listens there
            harness.emit_uplink_down()
            await becomes_true(harness.alert_log)
        kept = json.loads((tmp_path / "alerts.json").read_text())
        assert (tmp_path / "alerts.json").stat().st_mode & 0o077 == 0
        async with (
            webhook_server(200) as server,
            running_dispatcher(tmp_path, webhook_setting(server.port)),
        ):
            await becomes_true(lambda: server.bodies)
            assert server.bodies[0]["id"] == kept["webhook"][0]["id"]
            await becomes_true(
                lambda: json.loads((tmp_path / "alerts.json").read_text())["webhook"] == []
            )
        (tmp_path / "alerts.json").write_text('{"webhook": [{"at": "yesterday"}]}')
        async with running_dispatcher(tmp_path, webhook_setting(9)) as harness:
            assert harness.dispatcher._outboxes["webhook"].alerts == []
            assert any(
                "alerts.json is damaged" in event.text for event in harness.journal.recent(9)
            )

    run_async(work())


def test_old_news_is_given_up_and_the_queue_is_bounded(tmp_path: Path) -> None:
    async def work() -> None:
        async with running_dispatcher(tmp_path, webhook_setting(9)) as harness:
            harness.emit_uplink_down()
            await becomes_true(harness.alert_log)
            box = harness.dispatcher._outboxes["webhook"]
            box.alerts[0]["at"] = "2020-01-01T00:00:00Z"
            await becomes_true(
                lambda: any("given up after an hour" in text for text in harness.alert_log())
            )
            await becomes_true(lambda: not box.not_empty.is_set())
            event = harness.journal.recent(1)[0].as_json()
            for _ in range(MAX_QUEUED_ALERTS + 3):
                harness.dispatcher._enqueue([event])
            assert len(box.alerts) == MAX_QUEUED_ALERTS
            assert sum("were dropped for newer ones" in text for text in harness.alert_log()) == 3

    run_async(work())


def test_a_secret_stands_in_a_file_and_nowhere_else(tmp_path: Path) -> None:
    secret = tmp_path / "hook"
    secret.write_text("no URL with a s3cret")
    secret.chmod(0o644)

    async def work() -> None:
        named = f'webhook_file = "{secret}"'
        async with (
            webhook_server(403, 200) as server,
            running_dispatcher(tmp_path, named) as harness,
        ):
            harness.emit_uplink_down()
            await becomes_true(
                lambda: any(f"chmod 600 {secret}" in text for text in harness.alert_log())
            )
            secret.chmod(0o600)
            await becomes_true(
                lambda: any("does not hold the URL" in text for text in harness.alert_log())
            )
            secret.write_text(f"http://localhost:{server.port}/s3cret\n")
            await becomes_true(lambda: len(server.bodies) == 2)
            secret.unlink()
            harness.emit_uplink_down()
            await becomes_true(lambda: any("No such file" in text for text in harness.alert_log()))
            assert not any("s3cret" in text for text in harness.alert_log())

    run_async(work())
    assert "s3cret" not in (tmp_path / "alerts.json").read_text()


def test_what_nobody_asked_for_is_no_alert(tmp_path: Path) -> None:
    async def work() -> None:
        async with webhook_server(200) as server:
            text = f'{webhook_setting(server.port)}\non = ["move"]\nlanguage = "id"'
            async with running_dispatcher(tmp_path, text) as harness:
                harness.emit_uplink_down()
                harness.journal.log("move", "x", subject="show", incident="1", to=["lte"])
                await becomes_true(lambda: server.bodies)
                assert server.bodies[0]["kinds"] == ["move"]
                assert "bermasalah" in server.bodies[0]["text"]

    run_async(work())
