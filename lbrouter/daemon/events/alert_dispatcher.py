"""Alerts: events become messages, and messages are delivered without delaying the daemon.

Two steps, each a task of its own. One gathers: events within two seconds are one message, and when
events go on there is one message a minute. The other, once for each channel, delivers, and retries
for an hour. The queue is in the runtime directory: it survives a daemon, not a reboot.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from lbrouter.compile.report.alert_message import AlertMessage, alert_message, is_subscribed
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.sections.alerts import Alerts
from lbrouter.model.timeline import TimelineEvent
from lbrouter.services import command, webhook
from lbrouter.services.secrets import read_webhook
from lbrouter.system.state_file import StateFile

ALERT_QUEUE_FILE: Final = "alerts.json"

ALERT_MAX_AGE: Final = timedelta(hours=1)
"""Older alerts are of no use."""

MAX_QUEUED_ALERTS: Final = 50
"""Messages that may wait for a channel; the oldest is dropped first."""

MAX_ALERT_TIMELINE_EVENTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTiming:
    """Seconds. The pauses between messages, and between attempts, double up to a maximum."""

    gather_s: float = 2.0
    """From the first event to the message: the policy moves after a failure belong to it."""
    min_interval_s: float = 15.0
    max_interval_s: float = 60.0
    retry_s: float = 1.0
    max_retry_s: float = 60.0
    attempt_timeout_s: float = 10.0
    """For one attempt."""


@dataclass(slots=True, kw_only=True)
class Outbox:
    """The messages that wait for one channel, oldest first."""

    alerts: list[AlertMessage] = field(default_factory=list)
    not_empty: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: AlertMessage) -> int:
        """Add a message; returns how many were dropped for it."""
        self.alerts.append(message)
        lost = max(0, len(self.alerts) - MAX_QUEUED_ALERTS)
        del self.alerts[:lost]
        self.not_empty.set()
        return lost

    def remove(self, message: AlertMessage) -> None:
        """Remove a message."""
        self.alerts = [each for each in self.alerts if each["id"] != message["id"]]
        if not self.alerts:
            self.not_empty.clear()


def _require_alert(message: Any) -> Any:
    """`message`, if it is one. Raises ValueError."""
    if not isinstance(message, dict) or not AlertMessage.__required_keys__ <= message.keys():
        raise ValueError("this is no alert")
    if datetime.fromisoformat(str(message["at"])).tzinfo is None:
        raise ValueError("its time has no zone")
    return message


SavedMessages = tuple[Annotated[Any, AfterValidator(_require_alert)], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAlerts:
    """alerts.json: the messages that wait for each channel, oldest first."""

    webhook: SavedMessages = ()
    command: SavedMessages = ()

    def of(self, channel: str) -> tuple[AlertMessage, ...]:
        """Those of one channel."""
        return {"webhook": self.webhook, "command": self.command}[channel]


class AlertDispatcher:
    """The alerts of one daemon; `config` returns the active configuration."""

    def __init__(
        self,
        journal: Journal,
        runtime_dir: Path,
        config: Callable[[], Config],
        *,
        timing: AlertTiming | None = None,
    ) -> None:
        self._timing = timing or AlertTiming()
        self._journal = journal
        self._file = StateFile(runtime_dir / ALERT_QUEUE_FILE, SavedAlerts, durable=False)
        self._config = config
        self._senders = ALERT_SENDERS
        self._events: deque[TimelineEvent] = deque(maxlen=MAX_ALERT_TIMELINE_EVENTS)
        self._event_received = asyncio.Event()
        self._since = utc_timestamp()
        self._outboxes = {channel: Outbox() for channel in self._senders}
        saved = self._file.load_owned(lambda text: journal.log("trouble", text)) or SavedAlerts()
        for channel, outbox in self._outboxes.items():
            for message in saved.of(channel):
                outbox.put(message)

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The tasks to run, by name."""
        deliveries = {
            f"the alerts by {channel}": self._delivery_task(channel) for channel in self._senders
        }
        return {
            "the collector of alerts": self._collect_events,
            "the alerts": self._batch_events,
            **deliveries,
        }

    async def _batch_events(self) -> None:
        """Make messages of events, for ever."""
        loop, timing, sent_at = asyncio.get_running_loop(), self._timing, float("-inf")
        pause_s = timing.min_interval_s
        while True:
            await self._event_received.wait()
            quiet = loop.time() - sent_at > 2 * pause_s
            pause_s = timing.min_interval_s if quiet else min(2 * pause_s, timing.max_interval_s)
            rest_s = 0.0 if quiet else sent_at + pause_s - loop.time()
            await asyncio.sleep(max(timing.gather_s, rest_s))
            sent_at = loop.time()
            self._event_received.clear()
            events, self._events = list(self._events), deque(maxlen=MAX_ALERT_TIMELINE_EVENTS)
            self._enqueue(events)

    async def _collect_events(self) -> None:
        """The events since this daemon started, then the new ones."""
        since, self._since = self._since, utc_timestamp()
        for entry in self._journal.recent(MAX_ALERT_TIMELINE_EVENTS, since=since):
            self._add_event(entry.as_json())
        async for entry in self._journal.follow():
            self._add_event(entry.as_json())

    def _add_event(self, event: TimelineEvent) -> None:
        alerts = self._config().alerts
        if alerts is not None and is_subscribed(event, alerts.on):
            self._events.append(event)
            self._event_received.set()

    def _enqueue(self, events: list[TimelineEvent]) -> None:
        """Put a message into the outbox of each channel that the file names."""
        config = self._config()
        if config.alerts is None:
            return
        message = alert_message(
            events,
            [entry.as_json() for entry in self._journal.recent(MAX_ALERT_TIMELINE_EVENTS)],
            gateway=config.gateway.name,
            identity=secrets.token_hex(8),
            language=config.alerts.language,
            zone=config.gateway.timezone,
        )
        for channel in enabled_channels(config.alerts):
            lost = self._outboxes[channel].put(message)
            if lost:
                self._log(
                    channel,
                    phrase(
                        "{lost} of {most} waiting alerts were dropped for newer ones",
                        lost=lost,
                        most=MAX_QUEUED_ALERTS,
                    ),
                )
        self._save()

    def _delivery_task(self, channel: str) -> Callable[[], Awaitable[None]]:
        async def deliver() -> None:
            while True:
                await self._outboxes[channel].not_empty.wait()
                await self._deliver(channel, self._outboxes[channel].alerts[0])

        return deliver

    async def _deliver(self, channel: str, message: AlertMessage) -> None:
        """Try until it is delivered, is too old, or the file no longer names this channel."""
        retry_s, reason = self._timing.retry_s, ""
        while (alerts := self._config().alerts) is not None and channel in enabled_channels(alerts):
            if message not in self._outboxes[channel].alerts:
                return
            try:
                await self._senders[channel](alerts, message, self._timing.attempt_timeout_s)
            except OSError as error:
                failed = error_text(error)
            else:
                if reason:
                    self._log(channel, "an alert is delivered, after failed tries")
                break
            # By the wall clock, since an earlier daemon may have queued it; one from
            # the future is not.
            if datetime.now(UTC) - datetime.fromisoformat(message["at"]) > ALERT_MAX_AGE:
                self._log(
                    channel,
                    phrase(
                        "an alert is given up after an hour ({failed})", failed=as_phrase(failed)
                    ),
                )
                break
            if failed != reason:
                self._log(
                    channel,
                    phrase(
                        "an alert is not delivered, and tried again: {failed}",
                        failed=as_phrase(failed),
                    ),
                )
            reason = failed
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, self._timing.max_retry_s)
        self._outboxes[channel].remove(message)
        self._save()

    def _log(self, channel: str, text: str) -> None:
        said = phrase("{channel}: {text}", channel=channel, text=as_phrase(text))
        self._journal.log("alert", said, subject=channel)

    def _save(self) -> None:
        """Save the queue for the next daemon, unless the memory that holds /run is full."""
        queued = {channel: tuple(outbox.alerts) for channel, outbox in self._outboxes.items()}
        with suppress(LbrouterError):
            self._file.save(SavedAlerts(**queued))


def enabled_channels(alerts: Alerts) -> list[str]:
    """The channels that the file asks for."""
    web = bool(alerts.webhook or alerts.webhook_file)
    return [*(["webhook"] if web else []), *(["command"] if alerts.command else [])]


async def _post_webhook(alerts: Alerts, message: AlertMessage, within_s: float) -> None:
    target = alerts.webhook
    if alerts.webhook_file is not None:
        target = read_webhook(Path(alerts.webhook_file))
    assert target is not None
    await webhook.post(target, _json_body(message), within_s=within_s)


def error_text(error: OSError) -> str:
    """Why an attempt failed, in the words of the system or of the other end."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


async def _run_command(alerts: Alerts, message: AlertMessage, within_s: float) -> None:
    words = {
        "LBROUTER_ALERT": message["id"],
        "LBROUTER_GATEWAY": message["gateway"],
        "LBROUTER_KINDS": " ".join(message["kinds"]),
        "LBROUTER_INCIDENTS": " ".join(each["incident"] for each in message["incidents"]),
        "LBROUTER_TEXT": message["text"],
    }
    await command.run(alerts.command, _json_body(message), words, within_s=within_s)


def _json_body(message: AlertMessage) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


ALERT_SENDERS: Final[Mapping[str, Callable[[Alerts, AlertMessage, float], Awaitable[None]]]] = {
    "webhook": _post_webhook,
    "command": _run_command,
}
"""By channel. Each raises OSError where the message is not delivered in the seconds given."""
