"""How plans, warnings and errors look, for people and for programs."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from math import ceil
from typing import Any, Final

from lbrouter.cli.screen_language import on_screen, screen_language
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.compile.report.wording import counted
from lbrouter.compile.state.commands import command_line
from lbrouter.daemon.control.documents import ChangeDocument, change_document
from lbrouter.model.errors import ExitCode, LbrouterError
from lbrouter.model.messages.message import Message
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.model.plan import Operation, Phase, Plan

MAX_COMMAND_WIDTH: Final = 100
"""Column of the reasons, at most: a longer command pushes its own reason out, no other's."""

CONTINUATION_INDENT: Final = "\n  "

NO_CHANGES_MESSAGE: Final = "nothing to change"


class PlanFormatter:
    """Commands with their reasons as comments, which start in one column for each phase."""

    def __init__(self, operations: Sequence[Operation], *, prompt: str = "") -> None:
        self._widths: dict[Phase, int] = {}
        self._prompt = prompt
        for operation in operations:
            wide = max(map(len, _commands(operation)))
            self._widths[operation.phase] = max(
                self._widths.get(operation.phase, 0), min(wide, MAX_COMMAND_WIDTH)
            )

    def format_operation(self, operation: Operation) -> str:
        """One operation; a second command of it stands in a line of its own."""
        first, *more = _commands(operation)
        width = self._widths.get(operation.phase, 0)
        lines = [f"{first:<{width}}  # {on_screen(operation.reason)}", *more]
        return "\n".join(f"{self._prompt}{line}" for line in lines)


def print_plan(plan: Plan, settings: CommandSettings) -> int:
    """Print a plan that is not carried out; 2 when it holds changes."""
    if settings.json:
        print_json({"changes": [change_document(operation) for operation in plan.operations]})
    elif plan:
        column = PlanFormatter(plan.operations)
        print_line("\n".join(column.format_operation(operation) for operation in plan.operations))
    else:
        print_line(NO_CHANGES_MESSAGE)
    return ExitCode.CHANGES if plan else ExitCode.DONE


class ChangeReport:
    """Tells an apply or a `down` while it runs, and sums it up: "applied: 12 changes in 0.31 s"."""

    def __init__(self, done: Phrase, settings: CommandSettings) -> None:
        self._done = done
        self._json = settings.json
        self._started_at = time.perf_counter()
        self._changes: list[ChangeDocument] = []

    def operation_printer(self, plan: Plan) -> Callable[[Operation], None]:
        """Called with each operation before it is carried out."""
        column = PlanFormatter(plan.operations, prompt="[#] ")

        def tell(operation: Operation) -> None:
            self._changes.append(change_document(operation))
            if not self._json:
                print_line(column.format_operation(operation))

        return tell

    def print_changes(self, changes: Iterable[ChangeDocument]) -> None:
        """Tell what the daemon has carried out already."""
        for change in changes:
            self._changes.append(change)
            if not self._json:
                reason = translate_reason(screen_language(), change)
                print_line(f"[#] {change['command']}  # {reason}")

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


def _commands(operation: Operation) -> list[str]:
    return command_line(operation).split("; ")


def print_line(text: str) -> None:
    """A line for people on stdout, in their language, at once: an apply may take its time."""
    print(on_screen(text), flush=True)


def print_diagnostic(text: str) -> None:
    """A diagnostic on stderr, in the reader's language."""
    print(on_screen(text), file=sys.stderr, flush=True)


def print_diagnostics(kind: str, sentences: Iterable[object]) -> None:
    """Diagnostics of one kind ("warning", "note"), each beginning a line."""
    for sentence in sentences:
        known = (
            phrase("{message}", message=sentence)
            if isinstance(sentence, Message)
            else str(sentence)
        )
        text = on_screen(known).replace("\n", CONTINUATION_INDENT)
        print_diagnostic(f"{on_screen(kind)}: {text}")


@cache
def print_damage(sentence: str) -> None:
    """A warning about a damaged file. Once in a process: `status --watch` reads it every second."""
    print_diagnostics("warning", (sentence,))


def print_json(content: Any) -> None:
    """A JSON document on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)


def print_json_line(content: Any) -> None:
    """One of many JSON documents on stdout, in a line of its own."""
    print_line(json.dumps(content, ensure_ascii=False))


def print_success(settings: CommandSettings, sentence: str, result: Mapping[str, object]) -> int:
    """What was done: `sentence`, or with JSON {"ok": true} and `result`."""
    if settings.json:
        print_json({"ok": True, **result})
    else:
        print_line(sentence)
    return ExitCode.DONE


def error_document(error: LbrouterError) -> dict[str, object]:
    """An error in JSON: every sentence of it, and what to do."""
    document: dict[str, object] = {"ok": False, "errors": error.message.splitlines()}
    return {**document, "remedy": error.remedy} if error.remedy else document
