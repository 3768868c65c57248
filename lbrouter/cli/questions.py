"""Questions on a terminal: a wrong answer is told why, and the question comes again."""

from collections.abc import Callable
from typing import TypeVar

import typer

from lbrouter.cli.output.render import print_diagnostic
from lbrouter.model.validated_strings import InvalidValueError

Answer = TypeVar("Answer")


def ask(question: str, parse: Callable[[str], Answer], *, default: str = "") -> Answer:
    """The answer, parsed. `parse` raises InvalidValueError for one that is not taken.

    The end of the input ends the command, as Ctrl-C does.
    """
    while True:
        text = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        try:
            return parse(text)
        except InvalidValueError as refused:
            accepted = f"; accepted: {refused.accepted}" if refused.accepted else ""
            print_diagnostic(f'  "{text}" {refused.reason}{accepted}')
