"""`alerts_test`: a test alert by each way of the file in force, told in the timeline."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lbrouter.daemon.control_socket.protocol import Document, operator_of
from lbrouter.daemon.events.alert_test import ALERT_TEST_SUBJECT, send_test_alert
from lbrouter.daemon.events.journal import Journal
from lbrouter.model.config import Config
from lbrouter.model.messages.message import parse_message


class AlertCommands:
    """Answers that request; `config` returns the file in force."""

    def __init__(self, journal: Journal, config: Callable[[], Config]) -> None:
        self._journal, self._config = journal, config
        self.verbs: Mapping[str, Callable[[Document], Awaitable[Any]]] = {"alerts_test": self._test}

    async def _test(self, request: Document) -> Any:
        found, by = await send_test_alert(self._config()), operator_of(request).as_json()
        for each in found:
            said = parse_message(each["said_data"])
            self._journal.log("alert", said, subject=ALERT_TEST_SUBJECT, by=by)
        return {"channels": found}
