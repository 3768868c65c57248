"""`Phrase`: an English text that knows what it was made of, for screens in another language.

An error, a warning or the reason of a change has no code: its English template is its key in the
catalogues, as in gettext. Everywhere else it is that English text.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

PhraseDocument = str | dict[str, Any]
"""A text in JSON: itself, or {"phrase": the template, "values": {...}}."""

PHRASE_KEY: Final = "phrase"


class Phrase(str):
    """The English text, with its template (placeholders in braces) and their values.

    A value that is a Phrase or a Message is translated with it; any other is printed as it is.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object] | None = None) -> Self:
        """Without values the template is the text, braces and all."""
        known = dict(values or {})
        texts = {name: str(each) for name, each in known.items()}
        made = super().__new__(cls, template.format(**texts) if known else template)
        made.template, made.values = template, known
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]
        return self.template, self.values

    def __str__(self) -> str:
        return self

    def as_json(self) -> dict[str, Any]:
        """The document of it, for files, socket and history."""
        return {PHRASE_KEY: self.template, "values": {n: _plain(v) for n, v in self.values.items()}}


def phrase(template: str, **values: object) -> Phrase:
    """A phrase with these values."""
    return Phrase(template, values)


def as_phrase(text: str) -> Phrase:
    """`text` as a phrase, so that it is translated as a value of another one."""
    return text if isinstance(text, Phrase) else Phrase(text)


def joined_phrases(separator: str, parts: Iterable[str]) -> Phrase:
    """Several as one, with `separator` between them."""
    values = {f"part{number}": as_phrase(part) for number, part in enumerate(parts)}
    between = separator.replace("{", "{{").replace("}", "}}")
    return Phrase(between.join(f"{{{name}}}" for name in values), values)


def phrase_document(text: str) -> PhraseDocument:
    """Any text in JSON."""
    return text.as_json() if isinstance(text, Phrase) else text


def _plain(value: object) -> Any:
    as_json = getattr(value, "as_json", None)
    return str(value) if as_json is None else as_json()
