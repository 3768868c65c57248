"""Questions on a terminal: a wrong answer is told why, and the question comes again."""

from collections.abc import Callable
from typing import TypeVar

import typer

from lbrouter.cli.output.render import print_diagnostic
from lbrouter.cli.screen_language import on_screen
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.validated_strings import InvalidValueError

Answer = TypeVar("Answer")


def ask(question: str, parse: Callable[[str], Answer], *, default: str = "") -> Answer:
    """The answer, parsed. `parse` raises InvalidValueError for one that is not taken.

    The end of the input ends the command, as Ctrl-C does.
    """
    while True:
        text = str(
            typer.prompt(on_screen(question), default=default, show_default=bool(default))
        ).strip()
        try:
            return parse(text)
        except InvalidValueError as refused:
            reason = phrase('  "{text}" {reason}', text=text, reason=as_phrase(refused.reason))
            if refused.accepted:
                accepted = as_phrase(refused.accepted)
                reason = phrase("{text}; accepted: {accepted}", text=reason, accepted=accepted)
            print_diagnostic(reason)
