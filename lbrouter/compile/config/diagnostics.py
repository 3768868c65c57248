"""Diagnostics: errors and warnings about a configuration file, and their text."""

import json
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.config.hidden_values import HIDDEN_TEXT, is_secret_key, shorten_urls
from lbrouter.model.messages.phrase import as_phrase, phrase

KeyPath = tuple[str | int, ...]
"""Where in the file: keys, and indices of lists from 0."""

MAX_VALUE_CHARS: Final = 60
"""Characters of a value that a message shows."""


class NoValue:
    """Stands for the value of a key that the file does not hold."""


NO_VALUE: Final = NoValue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One error or warning: the place, the value there, the reason, what is accepted."""

    path: KeyPath
    value: object = NO_VALUE
    reason: str
    accepted: str = ""
    depends_on: tuple[KeyPath, ...] = ()
    """Other places that this depends on: if one is broken, this may be a follow-on error."""

    def __str__(self) -> str:
        place = format_key_path(self.path)
        if not isinstance(self.value, NoValue):
            hidden = any(isinstance(step, str) and is_secret_key(step) for step in self.path)
            value = HIDDEN_TEXT if hidden else format_value(self.value)
            place = phrase("{key} = {value}", key=place, value=value)
        text = phrase("{place}: {reason}", place=place, reason=as_phrase(self.reason))
        if not self.accepted:
            return text
        accepted = as_phrase(self.accepted)
        return phrase("{text}; accepted: {accepted}", text=text, accepted=accepted)


def format_key_path(path: KeyPath) -> str:
    """The path as a technician reads it: "rules[0].from"."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_format_key(step)}"
    return text.removeprefix(".") or phrase("the file")


def format_value(value: object) -> str:
    """A value as the file would write it, cut to a readable length, on one line."""
    if isinstance(value, dict):
        return _format_table(value)
    if isinstance(value, list | tuple):
        shown = [format_value(element) for element in value[:8]]
        text = f"[{', '.join(shown)}{', ...' * (len(value) > 8)}]"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif type(value) is int:
        text = str(value) if abs(value) < 10**20 else phrase("a number of more than 20 digits")
    elif isinstance(value, float):
        text = str(value)
    else:
        words = shorten_urls(str(value)[: 4 * MAX_VALUE_CHARS])
        text = json.dumps(words[: MAX_VALUE_CHARS + 10], ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}..."


def _format_table(table: dict[str, object]) -> str:
    """A table of one or two words as the file would write it; of a larger one, that it is one."""
    if not 0 < len(table) <= 2 or not all(isinstance(each, str) for each in table.values()):
        return phrase("a table")
    pairs = (f"{_format_key(str(key))} = {json.dumps(each)}" for key, each in table.items())
    text = f"{{ {', '.join(pairs)} }}"
    return text if len(text) <= MAX_VALUE_CHARS else phrase("a table")


def _format_key(step: str) -> str:
    """A key bare where TOML lets it stand bare."""
    plain = step.isascii() and step.replace("-", "").replace("_", "").isalnum()
    return step[:MAX_VALUE_CHARS] if plain else json.dumps(step[:MAX_VALUE_CHARS])
