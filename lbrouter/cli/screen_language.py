"""The language of this command's screen: that of `--lang`, else of the environment.

A command has one screen. Texts stay English data until they are printed: `on_screen` is the edge.
"""

import os
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from lbrouter.compile.report.i18n import in_language, language_from_environment
from lbrouter.model.language import Language

LANG_OPTION: Final = "--lang"

_chosen: ContextVar[Language | None] = ContextVar("screen_language", default=None)


def screen_language() -> Language:
    """The language that was chosen, else what the environment asks for."""
    return _chosen.get() or language_from_environment(os.environ)


def choose_screen_language(word: str) -> None:
    """The screen is in the language of this code; in that of the environment for any other word."""
    _chosen.set(Language(word) if word in set(Language) else None)


def on_screen(text: str) -> str:
    """A phrase or a constant in the screen's language; other text as it is."""
    return in_language(screen_language(), text)


def lang_option_first(words: Sequence[str]) -> list[str]:
    """The words of a command line with `--lang CODE`, wherever it stands, before the verb."""
    front: list[str] = []
    rest = list(words)
    end = rest.index("--") if "--" in rest else len(rest)
    for place in range(end - 1, -1, -1):
        option, _, code = rest[place].partition("=")
        if option == LANG_OPTION:
            count = 1 if code else 2
            front = [*rest[place : place + count], *front]
            del rest[place : place + count]
    return [*front, *rest]
