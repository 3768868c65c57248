"""What an apply, a rollback or a `down` tells while it runs, and at its end."""

import time
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Final

from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.compile.report.wording import counted
from lbrouter.model.errors import ExitCode
from lbrouter.model.messages.phrase import Phrase, phrase

if TYPE_CHECKING:  # the daemon sends them ready: the kernel's objects are not loaded for that
    from lbrouter.daemon.control.documents import ChangeDocument

NO_CHANGES_MESSAGE: Final = "nothing to change"

OPERATION_PROMPT: Final = "[#] "
"""Before an operation that is carried out, as root's prompt."""


class ChangeReport:
    """Tells an apply or a `down` while it runs, and sums it up: "applied: 12 changes in 0.31 s"."""

    def __init__(self, done: Phrase, settings: CommandSettings) -> None:
        self._done = done
        self._json = settings.json
        self._started_at = time.perf_counter()
        self._changes: list[ChangeDocument] = []

    def add(self, change: "ChangeDocument", line: str) -> None:
        """Tell an operation that begins now: `line` for people, `change` for programs."""
        self._changes.append(change)
        if not self._json:
            print_line(line)

    def print_changes(self, changes: Iterable["ChangeDocument"]) -> None:
        """Tell what the daemon has carried out already."""
        for change in changes:
            reason = translate_reason(screen_language(), change)
            self.add(change, f"{OPERATION_PROMPT}{change['command']}  # {reason}")

    def finish(self, *, confirm_s: float | None = None) -> int:
        """The last line, or the whole document. `confirm_s` is left to confirm, where one must."""
        seconds = round(time.perf_counter() - self._started_at, 3)
        count = len(self._changes)
        if self._json:
            result = {"ok": True, "changed": count, "seconds": seconds}
            trial = {} if confirm_s is None else {"pending_confirm_s": ceil(confirm_s)}
            print_json({**result, **trial, "operations": self._changes})
            return ExitCode.DONE
        if count:
            changes = counted(count, phrase("change"), phrase("changes"))
            took = f"{seconds:.2f}"
            print_line(
                phrase("{done}: {changes} in {took} s", done=self._done, changes=changes, took=took)
            )
        else:
            print_line(NO_CHANGES_MESSAGE)
        if confirm_s is not None:
            print_line(
                phrase("undone in {left} s unless you run: lbrouter confirm", left=ceil(confirm_s))
            )
        return ExitCode.DONE
