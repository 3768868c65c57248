"""What is wrong with one line that is not TOML, and the line to write instead."""

import re
from collections.abc import Callable
from typing import Final

from lbrouter.compile.config.hidden_values import hide_line_value
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

TYPOGRAPHIC_CHARS: Final = {
    "\u201c": "a curly quote", "\u201d": "a curly quote", "\u201e": "a curly quote",
    "\u2018": "a curly quote", "\u2019": "a curly quote", "\u00ab": "a curly quote",
    "\u00bb": "a curly quote", "\u00a0": "a space that does not break",
    "\u2013": "a long dash", "\u2014": "a long dash", "\u200b": "a space without width",
}  # fmt: skip
"""What word processors and chats write for a quote, a space or a dash."""


def _typographic(text: str) -> str | None:
    odd = next((char for char in text if char in TYPOGRAPHIC_CHARS), None)
    if odd is None:
        return None
    plain = (
        'the plain one (") from the keyboard'
        if "quote" in TYPOGRAPHIC_CHARS[odd]
        else ("the plain one from the keyboard")
    )
    return f"has {TYPOGRAPHIC_CHARS[odd]} ({odd.strip() or 'U+00A0'}); write {plain}"


def _other_comment(text: str) -> str | None:
    mark = next((sign for sign in ("//", ";", "/*", "!") if text.lstrip().startswith(sign)), None)
    return f'has a comment that begins with "{mark}"; begin it with #' if mark else None


def _yaml_line(text: str) -> str | None:
    key = YAML_KEY.fullmatch(text)
    if key is None:
        return None
    if not key[2]:
        return f"has a colon; a section is written [{key[1]}]"
    return f"has a colon where = belongs; write {assignment(key[1], key[2])}"


def _header_line(text: str) -> str | None:
    """A header that is not closed, or whose name has a space, or with something behind it."""
    if not text.lstrip().startswith("["):
        return None
    header = TABLE_HEADER.fullmatch(text)
    if header is None:
        return "has something behind a section's name; put it into a line of its own"
    name = "-".join(header[2].split()) or "gateway"
    closed = "]" * len(header[1])
    if header[2].strip() != name:
        return (
            f"has a section's name with a space in it; write {header[1]}{printable(name)}{closed}"
        )
    return f"has a section's name without its {closed}; write {header[1]}{printable(name)}{closed}"


def _value_line(text: str) -> str | None:
    """A key with a value that is no TOML value."""
    key = ASSIGNMENT.fullmatch(text)
    if key is None:
        return None
    name, value = key[1], key[2].strip()
    if not value:
        return f'has no value for {printable(name)}; write {printable(name)} = "..." or take it out'
    if value[0] == "[":
        return 'has a list that is not closed, or lacks a comma; write ["one", "two"]'
    if value[0] == "{":
        return (
            f"has a table in braces that is not complete; it stands in one line, without a comma"
            f' before the brace: {printable(name)} = {{ one = "...", two = "..." }}'
        )
    if value[0] in "\"'":
        return (
            r"has a \ within quotes; write \\ for it"
            if "\\" in value
            else f"has something behind the closing quote: {printable(value)}"
        )
    return f"has a value without quotes; write {assignment(name, value)}"


def _missing_equals(text: str) -> str | None:
    key = _KEY_AND_VALUE.fullmatch(text)
    if key is not None:
        return f"lacks a =; write {assignment(key[1], key[2])}"
    word = re.fullmatch(_KEY, text.strip())
    return f'has a word without a value; write {printable(word[0])} = "..."' if word else None


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
        return "has a list that opens above this line and is not closed, or lacks a comma"
    if words.startswith("Illegal character"):
        return f"has a character that cannot be printed: {printable(text.strip())}"
    if words.startswith("Unterminated string"):
        return "has a text in triple quotes that is not closed"
    hint = next((reason for look in _LINE_LOOKS if (reason := look(text))), None)
    # The words of `tomllib`, where no pattern fits.
    return hint or f"cannot be read here ({words}): {printable(text.strip())}".removesuffix(": ")


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
