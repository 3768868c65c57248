"""Why a text is not TOML, in the words of a technician: the line, the fault, what to write.

`tomllib` names the place where it could not go on. That is often behind the fault (an open quote),
and its words are those of a grammar. The patterns here are what people write.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.config.hidden_values import hide_line_value
from lbrouter.compile.config.line_numbers import LineNumbers
from lbrouter.compile.config.toml_line_help import (
    ASSIGNMENT,
    TABLE_HEADER,
    YAML_KEY,
    assignment,
    line_reason,
    printable,
    without_comment,
)
from lbrouter.model.messages.phrase import phrase

_YAML_DOCUMENT: Final = re.compile(r"\s*(?:---|-\s+\S|[A-Za-z0-9_-]+:(?:\s|$))")
_TWICE: Final = re.compile(r"Cannot declare \((.*?),?\) twice|Cannot (?:overwrite|mutate)")

_OPEN_TEXT_WORDS: Final = ("Illegal character", 'Expected "\'"', "Unterminated")
_TRIPLE_QUOTES: Final = ('"""', "'''")


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlFault:
    """A fault in a file that is not TOML. `line` counts from 1; `reason` follows "it"."""

    line: int
    reason: str


def toml_fault(toml: str, error: ValueError) -> TomlFault:
    """The fault in `toml`, for which `tomllib` raised `error`."""
    lines = toml.split("\n")
    at = min(_named_line(error, lines), len(lines))
    words = re.sub(r" \(at .*\)$", "", str(error))
    for look in _FILE_LOOKS:
        fault = look(lines)
        if fault is not None:
            return fault
    if _TWICE.match(words):
        return TomlFault(line=at, reason=_twice_reason(lines, at))
    start = _open_quote_line(lines, at, words)
    if start:
        line = hide_line_value(lines[start - 1])
        quote = _open_quote(line)
        key = ASSIGNMENT.fullmatch(line)
        value = "" if key is None else key[2].partition("#")[0].strip()
        if key is None or value.count(quote) != 1 or not value.startswith(quote):
            open_quote_reason = phrase(
                "has a quote that is not closed: {text}", text=printable(line.strip())
            )
        else:
            open_quote_reason = phrase(
                "has a quote that is not closed; write {text}",
                text=printable(f"{key[1]} = {value}{quote}"),
            )
        return TomlFault(line=start, reason=open_quote_reason)
    text = without_comment(lines[at - 1])
    return TomlFault(line=at, reason=line_reason(words, text))


def _named_line(error: ValueError, lines: list[str]) -> int:
    """The line that `tomllib` names; the last one with text where it says "at end of document"."""
    match = re.search(r"\(at line (\d+), column \d+\)$", str(error))
    if match:
        return int(match[1])
    return max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)


def _yaml_file(lines: list[str]) -> TomlFault | None:
    """The first line with content is YAML's."""
    number, first = _first_content(lines)
    if not _YAML_DOCUMENT.match(first):
        return None
    key = YAML_KEY.fullmatch(hide_line_value(first))
    name, value = ("gateway", "") if key is None else (key[1], key[2].strip())
    if value:
        reason = phrase(
            "looks like YAML; write {written}, and a section as [gateway]",
            written=assignment(name, value),
        )
    else:
        reason = phrase(
            'looks like YAML; write [{name}], and a key below it as name = "event"',
            name=printable(name),
        )
    return TomlFault(line=number, reason=reason)


def _json_file(lines: list[str]) -> TomlFault | None:
    number, first = _first_content(lines)
    if not first.lstrip().startswith("{"):
        return None
    reason = phrase('looks like JSON; write a section as [gateway] and a key as name = "event"')
    return TomlFault(line=number, reason=reason)


def _first_content(lines: list[str]) -> tuple[int, str]:
    contents = ((n, line) for n, line in enumerate(lines, 1) if without_comment(line).strip())
    return next(contents, (1, ""))


_FILE_LOOKS: Final[tuple[Callable[[list[str]], TomlFault | None], ...]] = (_yaml_file, _json_file)


def _twice_reason(lines: list[str], at: int) -> str:
    """A section or a key that stands twice, with the line of the first one."""
    header = TABLE_HEADER.fullmatch(lines[at - 1])
    if header is not None:
        name = header[2].strip()
        above = LineNumbers("\n".join(lines[: at - 1]))
        first = above.line_of(tuple(name.split("."))) or above.line_of((name, 0))
        return phrase(
            "has [{name}] twice{place}; put the keys of both under one of them",
            name=printable(name),
            place=_first_place(first),
        )
    name = lines[at - 1].partition("=")[0].strip()
    place = _first_place(_earlier_key_line(lines, at, name))
    return phrase(
        'has the key "{name}" twice in one section{place}; take one of them out',
        name=printable(name),
        place=place,
    )


def _first_place(line: int) -> str:
    return phrase(", the first time in line {line}", line=line) if line else ""


def _earlier_key_line(lines: list[str], at: int, name: str) -> int:
    """The line above `at`, in the same section, that begins with the same key; 0 for none."""
    for number in range(at - 1, 0, -1):
        if lines[number - 1].partition("=")[0].strip() == name:
            return number
        if lines[number - 1].lstrip().startswith("["):
            break
    return 0


def _open_quote_line(lines: list[str], at: int, words: str) -> int:
    """The line in which a quote opens and does not close: `at`, or one above where `words` are of a
    text that went on over its line. 0 where there is none.
    """
    first = 1 if words.startswith(_OPEN_TEXT_WORDS) else at
    for number in range(at, first - 1, -1):
        line = lines[number - 1]
        if _open_quote(line) and not any(quote in line for quote in _TRIPLE_QUOTES):
            return number
    return 0


def _open_quote(line: str) -> str:
    """The quote that is open at the end of `line`; "" where all are closed."""
    quote, escaped = "", False
    for char in line:
        if escaped:
            escaped = False
        elif quote == '"' and char == "\\":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#":
            return ""
    return quote
