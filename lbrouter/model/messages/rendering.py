"""From a message to a sentence: the sentence of its code, in a language, with its values in it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from string import Formatter
from typing import Any, Final, Protocol, runtime_checkable

from lbrouter.model.messages.figures import duration_text, format_rate, two_figures
from lbrouter.model.messages.phrase import Phrase
from lbrouter.model.messages.sentences import COUNTED_NOUNS, GENERAL_SENTENCES, SENTENCES

SEPARATOR: Final = "; "
"""Between several messages that are told as one."""

WORD_NAMES: Final = frozenset(
    {"state", "before", "after", "failure", "link", "direction", "why", "error", "source"}
)
"""Values that are a word of `sentences.WORDS`, an error or a constant: they are translated."""

UNKNOWN: Final = "unknown"
NONE: Final = "none"
AND: Final = "and"

JOINED_BY_AND: Final = frozenset({"directions"})
"""Lists of two words at most."""


class Translator(Protocol):
    """One language, as the standard library's gettext gives it."""

    def gettext(self, message: str, /) -> str:
        """The text in that language."""

    def ngettext(self, msgid1: str, msgid2: str, n: int, /) -> str:
        """The text for a number, in that language."""

    def pgettext(self, context: str, message: str, /) -> str:
        """The text where it stands for something else than elsewhere, in that language."""


@runtime_checkable
class Renderable(Protocol):
    """A message: `code`, `values`, and others (`also`)."""

    @property
    def code(self) -> StrEnum:
        """Which sentences there are."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What is put into them."""

    @property
    def also(self) -> "tuple[Renderable, ...]":
        """What is told as well."""


class English:
    """The language that the sentences are written in."""

    def gettext(self, message: str, /) -> str:
        """The text itself."""
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int, /) -> str:
        """The one or the other."""
        return msgid1 if n == 1 else msgid2

    def pgettext(self, context: str, message: str, /) -> str:  # noqa: ARG002  -- as gettext has it
        """The text itself."""
        return message


ENGLISH: Final = English()


def render(told: Renderable, language: Translator = ENGLISH) -> str:
    """The sentence in `language`, and those of the others behind it."""
    sentence = language.gettext(sentence_of(told.code, frozenset(told.values)))
    parts = (
        sentence.format(**value_texts(told, language)),
        *(render(each, language) for each in told.also),
    )
    return SEPARATOR.join(parts)


def phrase_text(text: str, language: Translator = ENGLISH) -> str:
    """A phrase in `language`; any other text as the catalogue has it, else as it is."""
    if not isinstance(text, Phrase) or not text.values:
        return language.gettext(text) if text else ""
    values = {name: _phrase_value_text(value, language) for name, value in text.values.items()}
    return language.gettext(text.template).format(**values)


def value_texts(told: Renderable, language: Translator = ENGLISH) -> dict[str, str]:
    """The values as they are printed, by their names."""
    return {name: _value_text(name, value, language) for name, value in told.values.items()}


def sentence_of(code: StrEnum, names: frozenset[str]) -> str:
    """The English sentence of a code that has a place for exactly these values. Raises KeyError."""
    for candidate in (*SENTENCES.get(code, ()), *GENERAL_SENTENCES):
        if places_of(candidate) == names:
            return candidate
    raise KeyError(f"{code}: {', '.join(sorted(names))}")


@cache
def places_of(sentence: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def _value_text(name: str, value: Any, language: Translator) -> str:
    if value is None:
        return language.gettext(UNKNOWN)
    if isinstance(value, tuple):
        between = f" {language.gettext(AND)} " if name in JOINED_BY_AND else ", "
        return between.join(value) or language.gettext(NONE)
    if isinstance(value, int | float):
        return _figure_text(name, value, language)
    if isinstance(value, Phrase):
        return phrase_text(value, language)
    if isinstance(value, str):
        return language.gettext(value) if value and name in WORD_NAMES else value
    return render(value, language)


def _figure_text(name: str, value: float, language: Translator) -> str:
    """A number by the unit in its name, or with its noun."""
    if name in COUNTED_NOUNS:
        return language.ngettext(*COUNTED_NOUNS[name], int(value)).format(n=value)
    match name.rpartition("_")[2]:
        case "s":
            return duration_text(value)
        case "bps":
            return format_rate(int(value))
        case "percent":
            return f"{two_figures(value)} %"
        case "ms":
            return f"{two_figures(value)} ms"
        case _:
            return str(value)


def _phrase_value_text(value: object, language: Translator) -> str:
    if isinstance(value, Phrase):
        return phrase_text(value, language)
    return render(value, language) if isinstance(value, Renderable) else str(value)
