"""One alert by each configured way, now: `lbrouter alerts test`."""

import secrets
from typing import Final, TypedDict

from lbrouter.compile.report.alert_message import alert_message
from lbrouter.daemon.events.alert_dispatcher import ALERT_SENDERS, enabled_channels, error_text
from lbrouter.daemon.events.history import LogEvent
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageDocument, message

ALERT_TEST_TIMEOUT_S: Final = 10.0
ALERT_TEST_SUBJECT: Final = "test"


class AlertTestDocument(TypedDict):
    """What became of a test alert by one way; `said_data` is what the sentence is made of."""

    channel: str
    delivered: bool
    said: str
    said_data: MessageDocument


async def send_test_alert(config: Config) -> list[AlertTestDocument]:
    """Send one by each way of the file, and wait for it. Raises ConfigError where there is none."""
    alerts = config.alerts
    if alerts is None:
        raise ConfigError(
            "The file has no [alerts]: there is no way to test.",
            remedy='Write, for example: [alerts] webhook = "https://example.com/hook"',
        )
    told = message(EventCode.ALERT_TEST)
    event = LogEvent(
        kind="alert",
        text=str(told),
        subject=ALERT_TEST_SUBJECT,
        more={"message": told.as_json()},
    ).as_json()
    sent = alert_message(
        [event],
        [],
        gateway=config.gateway.name,
        identity=secrets.token_hex(8),
        language=alerts.language,
        zone=config.gateway.timezone,
    )
    found = []
    for channel in enabled_channels(alerts):
        try:
            await ALERT_SENDERS[channel](alerts, sent, ALERT_TEST_TIMEOUT_S)
        except OSError as error:
            failed = message(EventCode.ALERT_TEST_FAILED, channel=channel, error=error_text(error))
            found.append(_document(channel, failed, delivered=False))
        else:
            done = message(EventCode.ALERT_TEST_DELIVERED, channel=channel)
            found.append(_document(channel, done, delivered=True))
    return found


def _document(channel: str, said: Message, *, delivered: bool) -> AlertTestDocument:
    return {
        "channel": channel,
        "delivered": delivered,
        "said": str(said),
        "said_data": said.as_json(),
    }
