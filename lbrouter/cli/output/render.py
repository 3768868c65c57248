"""How sentences, warnings and errors look, for people and for programs.

Every verb imports it: it needs neither the tables nor the kernel's objects.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lbrouter.cli.screen_language import on_screen
from lbrouter.model.errors import ExitCode, LbrouterError
from lbrouter.model.messages.message import Message
from lbrouter.model.messages.phrase import phrase

if TYPE_CHECKING:  # the daemon's process prints errors, and needs no command-line library
    from lbrouter.cli.settings import CommandSettings

CONTINUATION_INDENT: Final = "\n  "


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


def print_success(settings: "CommandSettings", sentence: str, result: Mapping[str, object]) -> int:
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
