"""How plans, warnings and errors look, for people and for programs."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any, Final

from lbrouter.cli.settings import Settings
from lbrouter.compile.state.commands import words
from lbrouter.daemon.control.documents import Change, change
from lbrouter.model.errors import Exit, LbrouterError
from lbrouter.model.plan import Operation, Phase, Plan

WIDEST: Final = 100
"""Column of the reasons, at most: a longer command pushes its own reason out, no other's."""

INDENT: Final = "\n  "

NOTHING: Final = "nothing to change"


class Column:
    """Commands with their reasons as comments, which start in one column for each phase."""

    def __init__(self, operations: Sequence[Operation], *, prompt: str = "") -> None:
        self._widths: dict[Phase, int] = {}
        self._prompt = prompt
        for each in operations:
            wide = max(map(len, _commands(each)))
            self._widths[each.phase] = max(self._widths.get(each.phase, 0), min(wide, WIDEST))

    def line(self, operation: Operation) -> str:
        """One operation; a second command of it stands in a line of its own."""
        first, *more = _commands(operation)
        width = self._widths.get(operation.phase, 0)
        lines = [f"{first:<{width}}  # {operation.reason}", *more]
        return "\n".join(f"{self._prompt}{line}" for line in lines)


def show(plan: Plan, settings: Settings) -> int:
    """Print a plan that is not carried out; 2 when it holds changes."""
    if settings.json:
        document({"changes": [change(each) for each in plan.operations]})
    elif plan:
        column = Column(plan.operations)
        say("\n".join(column.line(each) for each in plan.operations))
    else:
        say(NOTHING)
    return Exit.CHANGES if plan else Exit.DONE


class Report:
    """Tells an apply or a `down` while it runs, and sums it up: "applied: 12 changes in 0.31 s"."""

    def __init__(self, done: str, settings: Settings) -> None:
        self._done = done
        self._json = settings.json
        self._begun = time.perf_counter()
        self._changes: list[Change] = []

    def teller(self, plan: Plan) -> Callable[[Operation], None]:
        """Called with each operation before it is carried out."""
        column = Column(plan.operations, prompt="[#] ")

        def tell(operation: Operation) -> None:
            self._changes.append(change(operation))
            if not self._json:
                say(column.line(operation))

        return tell

    def repeat(self, changes: Iterable[Change]) -> None:
        """Tell what the daemon has carried out already."""
        for each in changes:
            self._changes.append(each)
            if not self._json:
                say(f"[#] {each['command']}  # {each['reason']}")

    def close(self, *, confirm_s: float | None = None) -> int:
        """The last line, or the whole document. `confirm_s` is left to confirm, where one must."""
        seconds = round(time.perf_counter() - self._begun, 3)
        count = len(self._changes)
        if self._json:
            result = {"ok": True, "changed": count, "seconds": seconds}
            trial = {} if confirm_s is None else {"pending_confirm_s": ceil(confirm_s)}
            document({**result, **trial, "operations": self._changes})
            return Exit.DONE
        changes = f"{count} change{'s' if count > 1 else ''}"
        say(f"{self._done}: {changes} in {seconds:.2f} s" if count else NOTHING)
        if confirm_s is not None:
            say(f"undone in {ceil(confirm_s)} s unless you run: lbrouter confirm")
        return Exit.DONE


def _commands(operation: Operation) -> list[str]:
    return words(operation).split("; ")


def say(text: str) -> None:
    """A line for people on stdout, at once: an apply may take its time."""
    print(text, flush=True)


def note(text: str) -> None:
    """A diagnostic on stderr, as it is."""
    print(text, file=sys.stderr, flush=True)


def notes(kind: str, sentences: Iterable[object]) -> None:
    """Diagnostics of one kind ("warning", "note"), each beginning a line."""
    for sentence in sentences:
        note(f"{kind}: {sentence}".replace("\n", INDENT))


def document(content: Any) -> None:
    """A JSON document on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)


def failure(error: LbrouterError) -> dict[str, object]:
    """An error in JSON: every sentence of it, and what to do."""
    found: dict[str, object] = {"ok": False, "errors": error.what.splitlines()}
    return {**found, "remedy": error.remedy} if error.remedy else found
