"""Changes of a configuration file as text: comments and order stay, and nothing else changes.

An edit is proved by reading the result again: it must be the old document with exactly the change
that was asked for.
"""

import tomllib
from copy import deepcopy
from typing import Any

from lbrouter.model.errors import NotAppliedError
from lbrouter.model.messages.phrase import phrase

STRING_QUOTES = "\"'"


def with_section(text: str, path: tuple[str, str], lines: str) -> str:
    """`text` with a table at its end: its header, then `lines` (keys and values).

    Raises NotAppliedError where the result would be another document.
    """
    table, name = path
    ending = "" if text.endswith("\n") or not text else "\n"
    edited = f"{text}{ending}\n[{table}.{name}]\n{lines}"
    wanted = deepcopy(tomllib.loads(text))
    wanted.setdefault(table, {})[name] = tomllib.loads(lines)
    return _proved(edited, wanted)


def with_list_element(text: str, path: tuple[str, str, str], element: str) -> str:
    """`text` with the string `element` at the end of the list that stands at `path`.

    Raises NotAppliedError where the list is empty, or cannot be found in the text.
    """
    table, name, key = path
    wanted = deepcopy(tomllib.loads(text))
    wanted[table][name][key].append(element)
    for start in _list_starts(text, key):
        end = _end_of_last_string(text, start)
        if end is None:
            continue
        edited = f'{text[:end]}, "{element}"{text[end:]}'
        if _parsed(edited) == wanted:
            return edited
    raise NotAppliedError(
        phrase(
            "{place} could not be changed without a change of anything else.",
            place=f"{table}.{name}.{key}",
        ),
        remedy=phrase('Add "{element}" to it yourself.', element=element),
    )


def _list_starts(text: str, key: str) -> list[int]:
    """Where a list begins that may be the value of `key`: behind its bracket."""
    starts = []
    at = text.find(key)
    while at >= 0:
        after = text[at + len(key) :].lstrip(" \t\"'")
        if after.startswith("="):
            bracket = text.index("=", at + len(key)) + 1
            bracket += len(text[bracket:]) - len(text[bracket:].lstrip(" \t"))
            if text[bracket : bracket + 1] == "[":
                starts.append(bracket + 1)
        at = text.find(key, at + 1)
    return starts


def _end_of_last_string(text: str, start: int) -> int | None:
    """Behind the last string of the list that begins at `start`; None where it has none."""
    at, last = start, None
    while at < len(text) and text[at] != "]":
        if text[at] == "#":
            at = max(text.find("\n", at), at)
        elif text[at] in STRING_QUOTES:
            at = last = _end_of_string(text, at)
            continue
        at += 1
    return last


def _end_of_string(text: str, start: int) -> int:
    """Behind the string that begins at `start`, which has no quotes within: names have none."""
    end = text.find(text[start], start + 1)
    return len(text) if end < 0 else end + 1


def _proved(edited: str, wanted: dict[str, Any]) -> str:
    if _parsed(edited) != wanted:
        raise NotAppliedError(
            "The file could not be changed without a change of anything else.",
            remedy="Write the section yourself.",
        )
    return edited


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
