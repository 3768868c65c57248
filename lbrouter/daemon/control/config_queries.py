"""The list of configurations, one of them, and what differs between two: for socket and command."""

import tomllib
from collections.abc import Callable
from typing import Any, Final, TypedDict

from lbrouter.compile.report.config_changes import (
    ConfigChangeDocument,
    config_changes,
    toml_lines,
)
from lbrouter.daemon.confirm.config_history import (
    GOOD_OUTCOMES,
    ConfigHistory,
    ConfigOutcome,
    ConfigRecord,
)
from lbrouter.daemon.control_socket.protocol import Document, string_field
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.model.errors import UnavailableError, UsageError
from lbrouter.model.messages.operator import OperatorDocument
from lbrouter.model.messages.phrase import phrase

MIN_DIGEST_CHARS: Final = 4
"""Of a digest that a person writes: the beginning is enough where it names one file alone."""

LIST_REMEDY: Final = "`lbrouter config list` has the digests; their beginning is enough."


class ConfigRecordDocument(TypedDict):
    """One configuration of the list. `current`: it is the one in force."""

    at: str
    digest: str
    by: OperatorDocument
    source: str
    outcome: str
    reason: str
    current: bool


class ConfigQueries:
    """Answers the verb `config` and the commands; `history` is read each time."""

    def __init__(self, history: ConfigHistory) -> None:
        self._history = history
        self._actions: dict[str, Callable[[Document], Any]] = {
            "list": self._list,
            "show": self._show,
            "diff": self._diff,
        }

    async def handle(self, request: Document) -> Any:
        """As `answer`, for the daemon: the disk may be slow."""
        return await in_disk_thread(self.answer, request)

    def answer(self, request: Document) -> Any:
        """The result of a request with an "action". Raises UsageError, UnavailableError."""
        action = self._actions.get(string_field(request, "action"))
        if action is None:
            raise UsageError(
                phrase("There is no action {action} of `config`.", action=repr(request["action"])),
                remedy=phrase("Choose one of: {names}.", names=", ".join(self._actions)),
            )
        return action(request)

    def earlier(self) -> ConfigRecord:
        """The configuration that was in force before the present one. Raises UsageError."""
        records = self._history.records()
        now = _current(records)
        good = [record for record in records if record.outcome in GOOD_OUTCOMES]
        before = [record for record in good if now is None or record.digest != now.digest]
        if not before:
            raise UsageError("There is no earlier configuration.", remedy=LIST_REMEDY)
        return before[-1]

    def current(self) -> ConfigRecord:
        """The configuration in force. Raises UsageError where none was ever applied."""
        found = _current(self._history.records())
        if found is None:
            raise UsageError("No configuration was applied yet.", remedy="lbrouter apply")
        return found

    def named(self, name: str) -> ConfigRecord:
        """The configuration whose digest begins so; "" is the one in force. Raises UsageError."""
        if not name:
            return self.current()
        wanted = name.removeprefix("sha256:").lower()
        found = {
            record.digest: record
            for record in self._history.records()
            if record.digest.removeprefix("sha256:").startswith(wanted)
        }
        if len(wanted) < MIN_DIGEST_CHARS or len(found) != 1:
            raise UsageError(
                phrase('"{name}" does not name one configuration.', name=name), remedy=LIST_REMEDY
            )
        return next(iter(found.values()))

    def text(self, record: ConfigRecord) -> str:
        """The text of a configuration. Raises UnavailableError where it is lost."""
        found = self._history.text(record.digest)
        if found is None:
            raise UnavailableError(
                phrase("The text of {digest} is not there any more.", digest=record.digest),
                remedy=LIST_REMEDY,
            )
        return found.decode()

    def _list(self, _request: Document) -> Any:
        records = self._history.records()
        now = _current(records)
        return {"configs": [_document(record, now) for record in reversed(records)]}

    def _show(self, request: Document) -> Any:
        record = self.named(string_field(request, "digest", default=""))
        now = _current(self._history.records())
        return {**_document(record, now), "config": self.text(record)}

    def _diff(self, request: Document) -> Any:
        to = self.named(string_field(request, "to", default=""))
        start = string_field(request, "from", default="")
        since = self.named(start) if start else self.earlier()
        before, after = self.text(since), self.text(to)
        changes: list[ConfigChangeDocument] = [
            change.as_json()
            for change in config_changes(tomllib.loads(before), tomllib.loads(after))
        ]
        return {
            "from": since.digest,
            "to": to.digest,
            "changes": changes,
            "toml": toml_lines(before, after),
        }


def _current(records: tuple[ConfigRecord, ...]) -> ConfigRecord | None:
    """The last one that came into force: a trial that is open, or what was applied or kept."""
    in_force = {*GOOD_OUTCOMES, ConfigOutcome.TRIAL}
    return next((record for record in reversed(records) if record.outcome in in_force), None)


def _document(record: ConfigRecord, now: ConfigRecord | None) -> ConfigRecordDocument:
    return {
        "at": record.at,
        "digest": record.digest,
        "by": record.by.as_json(),
        "source": record.source,
        "outcome": str(record.outcome),
        "reason": record.reason,
        "current": record is now,
    }
