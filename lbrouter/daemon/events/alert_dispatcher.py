"""Alerts: what happens becomes messages, and messages reach people, though nothing waits for them.

Two steps, each a part of its own. One gathers: what comes within two seconds is one message, and in
a storm there is one in a minute. The other, once for each way, delivers, and tries again until an
hour has gone. What waits stands in the runtime directory: it outlives a daemon, not a reboot.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.report.alert_message import Alert, alert, wanted
from lbrouter.daemon.events.history import moment
from lbrouter.daemon.events.journal import Journal
from lbrouter.model.alerts import Alerts, parse_webhook
from lbrouter.model.config import Config
from lbrouter.model.targets import Target
from lbrouter.model.timeline import Happening
from lbrouter.model.validated_strings import RefusedError
from lbrouter.services import command, webhook

FILE: Final = "alerts.json"

GIVE_UP: Final = timedelta(hours=1)
"""Older news helps nobody at an event."""

WAITING: Final = 50
"""Messages that may wait for a way; the oldest goes first."""

TIMELINE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """Seconds. The pauses between messages, and between attempts, are doubled up to the longest."""

    gather_s: float = 2.0
    """From the first event to the message: the moves that follow a failure belong to it."""
    pause_s: float = 15.0
    longest_pause_s: float = 60.0
    retry_s: float = 1.0
    longest_retry_s: float = 60.0
    within_s: float = 10.0
    """For one attempt."""


@dataclass(slots=True, kw_only=True)
class Outbox:
    """The messages that wait for one way, oldest first."""

    alerts: list[Alert] = field(default_factory=list)
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: Alert) -> int:
        """Add a message; how many had to go for it."""
        self.alerts.append(message)
        lost = max(0, len(self.alerts) - WAITING)
        del self.alerts[:lost]
        self.filled.set()
        return lost

    def done(self, message: Alert) -> None:
        """It needs not wait any more."""
        self.alerts = [each for each in self.alerts if each["id"] != message["id"]]
        if not self.alerts:
            self.filled.clear()


class Messenger:
    """The alerts of one daemon; `config` is called for the file that counts now."""

    def __init__(
        self,
        journal: Journal,
        runtime_dir: Path,
        config: Callable[[], Config],
        *,
        tempo: Tempo | None = None,
    ) -> None:
        self._tempo = tempo or Tempo()
        self._journal = journal
        self._file = runtime_dir / FILE
        self._config = config
        self._ways: dict[str, Callable[[Alerts, Alert, float], Awaitable[None]]] = {
            "webhook": _post,
            "command": _run,
        }
        self._events: deque[Happening] = deque(maxlen=TIMELINE)
        self._heard = asyncio.Event()
        self._since = moment()
        self._outboxes = {way: Outbox() for way in self._ways}
        for way, messages in _kept(self._file).items():
            for message in messages if way in self._outboxes else ():
                self._outboxes[way].put(message)

    def parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What must run, by name."""
        ways = {f"the alerts by {way}": self._delivery(way) for way in self._ways}
        return {"the ear for alerts": self._listen, "the alerts": self._gather, **ways}

    async def _gather(self) -> None:
        """Events become messages, for ever."""
        loop, tempo, sent_at = asyncio.get_running_loop(), self._tempo, float("-inf")
        pause_s = tempo.pause_s
        while True:
            await self._heard.wait()
            quiet = loop.time() - sent_at > 2 * pause_s
            pause_s = tempo.pause_s if quiet else min(2 * pause_s, tempo.longest_pause_s)
            rest_s = 0.0 if quiet else sent_at + pause_s - loop.time()
            await asyncio.sleep(max(tempo.gather_s, rest_s))
            sent_at = loop.time()
            self._heard.clear()
            events, self._events = list(self._events), deque(maxlen=TIMELINE)
            self._send(events)

    async def _listen(self) -> None:
        """What happened since this daemon began, then what comes."""
        since, self._since = self._since, moment()
        for entry in self._journal.recent(TIMELINE, since=since):
            self._hear(entry.as_json())
        async for entry in self._journal.follow():
            self._hear(entry.as_json())

    def _hear(self, event: Happening) -> None:
        alerts = self._config().alerts
        if alerts is not None and wanted(event, alerts.on):
            self._events.append(event)
            self._heard.set()

    def _send(self, events: list[Happening]) -> None:
        """A message into the outbox of each way that the file names."""
        config = self._config()
        if config.alerts is None:
            return
        message = alert(
            events,
            [entry.as_json() for entry in self._journal.recent(TIMELINE)],
            gateway=config.gateway.name,
            identity=secrets.token_hex(8),
            language=config.alerts.language,
        )
        for way in _named(config.alerts):
            lost = self._outboxes[way].put(message)
            if lost:
                self._say(way, f"{lost} of {WAITING} waiting alerts had to go for a new one")
        self._keep()

    def _delivery(self, way: str) -> Callable[[], Awaitable[None]]:
        async def deliver() -> None:
            while True:
                await self._outboxes[way].filled.wait()
                await self._deliver(way, self._outboxes[way].alerts[0])

        return deliver

    async def _deliver(self, way: str, message: Alert) -> None:
        """Try until it has arrived, is too old, or the file names this way no more."""
        retry_s, reason = self._tempo.retry_s, ""
        while (alerts := self._config().alerts) is not None and way in _named(alerts):
            if message not in self._outboxes[way].alerts:
                return
            try:
                await self._ways[way](alerts, message, self._tempo.within_s)
            except OSError as error:
                failed = _words(error)
            else:
                if reason:
                    self._say(way, "an alert that failed at first is delivered")
                break
            if _too_old(message):
                self._say(way, f"an alert is given up after an hour ({failed})")
                break
            if failed != reason:
                self._say(way, f"an alert is not delivered, and tried again: {failed}")
            reason = failed
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, self._tempo.longest_retry_s)
        self._outboxes[way].done(message)
        self._keep()

    def _say(self, way: str, text: str) -> None:
        self._journal.say("alert", f"{way}: {text}", subject=way)

    def _keep(self) -> None:
        """For the next daemon. Memory that holds /run may be full: then this one alone knows."""
        document = {way: outbox.alerts for way, outbox in self._outboxes.items()}
        aside = self._file.with_name(f"{FILE}.new")
        with suppress(OSError):
            aside.write_text(json.dumps(document), encoding="utf-8")
            aside.chmod(0o600)
            aside.replace(self._file)


def _named(alerts: Alerts) -> list[str]:
    """The ways that the file asks for."""
    web = bool(alerts.webhook or alerts.webhook_file)
    return [*(["webhook"] if web else []), *(["command"] if alerts.command else [])]


async def _post(alerts: Alerts, message: Alert, within_s: float) -> None:
    target = alerts.webhook
    if alerts.webhook_file is not None:
        target = _secret(Path(alerts.webhook_file))
    assert target is not None
    await webhook.post(target, _body(message), within_s=within_s)


def _secret(path: Path) -> Target:
    """The URL in a file; it is never told."""
    try:
        return parse_webhook(path.read_text(encoding="ascii").strip())
    except (RefusedError, ValueError):
        raise OSError(f"{path} does not hold the URL of a page") from None


def _words(error: OSError) -> str:
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


async def _run(alerts: Alerts, message: Alert, within_s: float) -> None:
    words = {
        "LBROUTER_ALERT": message["id"],
        "LBROUTER_GATEWAY": message["gateway"],
        "LBROUTER_KINDS": " ".join(message["kinds"]),
        "LBROUTER_INCIDENTS": " ".join(each["incident"] for each in message["incidents"]),
        "LBROUTER_TEXT": message["text"],
    }
    await command.run(alerts.command, _body(message), words, within_s=within_s)


def _body(message: Alert) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def _too_old(message: Alert) -> bool:
    """By the wall clock, for it may be an earlier daemon's; one from the future is not."""
    return datetime.now(UTC) - datetime.fromisoformat(message["at"]) > GIVE_UP


def _kept(file: Path) -> dict[str, list[Alert]]:
    """What an earlier daemon of this boot could not deliver."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        for message in [message for messages in found.values() for message in messages]:
            datetime.fromisoformat(message["at"])
            assert {"id", "gateway", "kinds", "text", "incidents"} <= message.keys()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError):
        return {}
    return dict(found)
