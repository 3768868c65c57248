"""What is wrong with one line that is not TOML, and the line to write instead."""

import re
from collections.abc import Callable
from typing import Final

from lbrouter.compile.config.hidden_values import hide_line_value
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.unit_hints import UNIT_ALIASES
from lbrouter.model.units import DURATION_UNITS_MS, PERCENT_UNITS, RATE_UNITS_BPS

MAX_SHOWN_CHARS: Final = 60

_KEY: Final = r"[A-Za-z0-9_-]+"
YAML_KEY: Final = re.compile(rf"\s*(?:-\s+)?({_KEY}):\s*(.*)")
ASSIGNMENT: Final = re.compile(rf"\s*((?:{_KEY}\.)*{_KEY})\s*=\s*(.*)")
_KEY_AND_VALUE: Final = re.compile(rf"\s*({_KEY})\s+(\S.*)")
TABLE_HEADER: Final = re.compile(r"\s*(\[\[?)([^\[\]#]*)(?:(\]\]?)\s*)?(?:#.*)?")
"""These are for lines of any length: no part of them can match the same spaces in two ways."""

WORDS_FOR_TRUE: Final = ("true", "yes", "on")
WORDS_FOR_FALSE: Final = ("false", "no", "off")

_CURLY_QUOTE: Final = phrase("a curly quote")
_LONG_DASH: Final = phrase("a long dash")

TYPOGRAPHIC_CHARS: Final = {
    **dict.fromkeys("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb", _CURLY_QUOTE),
    **dict.fromkeys("\u2013\u2014", _LONG_DASH),
    "\u00a0": phrase("a space that does not break"),
    "\u200b": phrase("a space without width"),
}
"""What word processors and chats write for a quote, a space or a dash."""


def _typographic(text: str) -> str | None:
    odd = next((char for char in text if char in TYPOGRAPHIC_CHARS), None)
    if odd is None:
        return None
    plain = (
        phrase('the plain one (") from the keyboard')
        if TYPOGRAPHIC_CHARS[odd] is _CURLY_QUOTE
        else (phrase("the plain one from the keyboard"))
    )
    return phrase(
        "has {char} ({shown}); write {plain}",
        char=as_phrase(TYPOGRAPHIC_CHARS[odd]),
        shown=odd.strip() or "U+00A0",
        plain=as_phrase(plain),
    )


def _other_comment(text: str) -> str | None:
    mark = next((sign for sign in ("//", ";", "/*", "!") if text.lstrip().startswith(sign)), None)
    return (
        phrase('has a comment that begins with "{mark}"; begin it with #', mark=mark)
        if mark
        else None
    )


def _yaml_line(text: str) -> str | None:
    key = YAML_KEY.fullmatch(text)
    if key is None:
        return None
    if not key[2]:
        return phrase("has a colon; a section is written [{key}]", key=key[1])
    return phrase(
        "has a colon where = belongs; write {written}", written=assignment(key[1], key[2])
    )


def _header_line(text: str) -> str | None:
    """A header that is not closed, or whose name has a space, or with something behind it."""
    if not text.lstrip().startswith("["):
        return None
    header = TABLE_HEADER.fullmatch(text)
    if header is None:
        return phrase("has something behind a section's name; put it into a line of its own")
    name = "-".join(header[2].split()) or "gateway"
    closed = "]" * len(header[1])
    if header[2].strip() != name:
        return phrase(
            "has a section's name with a space in it; write {header}{name}{closed}",
            header=header[1],
            name=printable(name),
            closed=closed,
        )
    return phrase(
        "has a section's name without its {closed}; write {header}{name}{closed}",
        closed=closed,
        header=header[1],
        name=printable(name),
    )


def _value_line(text: str) -> str | None:
    """A key with a value that is no TOML value."""
    key = ASSIGNMENT.fullmatch(text)
    if key is None:
        return None
    name, value = key[1], key[2].strip()
    if not value:
        return phrase(
            'has no value for {name}; write {name} = "..." or take it out', name=printable(name)
        )
    if value[0] == "[":
        return phrase('has a list that is not closed, or lacks a comma; write ["one", "two"]')
    if value[0] == "{":
        return phrase(
            "has a table in braces that is not complete; it stands in one line, without a"
            ' comma before the brace: {name} = {{ one = "...", two = "..." }}',
            name=printable(name),
        )
    if value[0] in "\"'":
        return (
            phrase(r"has a \ within quotes; write \\ for it")
            if "\\" in value
            else phrase("has something behind the closing quote: {value}", value=printable(value))
        )
    return phrase("has a value without quotes; write {written}", written=assignment(name, value))


def _missing_equals(text: str) -> str | None:
    key = _KEY_AND_VALUE.fullmatch(text)
    if key is not None:
        return phrase("lacks a =; write {written}", written=assignment(key[1], key[2]))
    word = re.fullmatch(_KEY, text.strip())
    return (
        phrase('has a word without a value; write {word} = "..."', word=printable(word[0]))
        if word
        else None
    )


_LINE_LOOKS: Final[tuple[Callable[[str], str | None], ...]] = (
    _typographic,
    _other_comment,
    _header_line,
    _yaml_line,
    _value_line,
    _missing_equals,
)
"""What one line may be, the most telling first. Each gives None where it is something else."""


def line_reason(words: str, text: str) -> str:
    """What is wrong with the line `text`, at which `tomllib` said `words`; no secret is shown."""
    text = hide_line_value(text)
    if words.startswith("Unclosed array") and "[" not in text:
        return phrase("has a list that opens above this line and is not closed, or lacks a comma")
    if words.startswith("Illegal character"):
        return phrase(
            "has a character that cannot be printed: {text}", text=printable(text.strip())
        )
    if words.startswith("Unterminated string"):
        return phrase("has a text in triple quotes that is not closed")
    hint = next((reason for look in _LINE_LOOKS if (reason := look(text))), None)
    # The words of `tomllib`, where no pattern fits.
    if hint or not text.strip():
        return hint or phrase("cannot be read here ({words})", words=words)
    return phrase(
        "cannot be read here ({words}): {text}", words=words, text=printable(text.strip())
    )


def assignment(name: str, value: str) -> str:
    """The line as TOML: text in quotes, in the units of the file; yes and no as true and false."""
    bare = value.strip().strip("\"'")
    if bare.lower() in WORDS_FOR_TRUE:
        return f"{printable(name)} = true"
    if bare.lower() in WORDS_FOR_FALSE:
        return f"{printable(name)} = false"
    if bare.isdigit() and value == bare:
        return f"{printable(name)} = {printable(bare.lstrip('0') or '0')}"
    return f'{printable(name)} = "{printable(_in_known_units(bare))}"'


def _in_known_units(text: str) -> str:
    """A number with a unit as the file takes it ("10 Mbps" as "10mbit"); other text as it is."""
    plain = "".join(text.split()).replace(",", ".")
    match = re.fullmatch(r"([0-9.]+)([A-Za-z/%]*)", plain)
    if match is None or match[2].endswith(("B", "B/s", "Bps")):
        return text
    unit = UNIT_ALIASES.get(match[2].lower(), match[2].lower())
    known = {**RATE_UNITS_BPS, **DURATION_UNITS_MS, **PERCENT_UNITS}
    return f"{match[1]}{unit}" if not unit or unit in known else text


def without_comment(line: str) -> str:
    """The line up to a # that stands in no quotes."""
    quote = ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#":
            return line[:place]
    return line


def printable(text: str) -> str:
    """A piece of the file, printable and short."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}..."
