"""The languages of the screen. The English text is its own key; the catalogue has the others.

The daemon writes English (its journal, its JSON); each screen shows its reader's language. So a
sentence of the daemon, like the reason of a state, is recognised by its English pattern and
translated. A text that is in no catalogue stays English.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from lbrouter.compile.report.translations import INDONESIAN
from lbrouter.model.language import Language

CATALOGUES: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.EN: {},
    Language.ID: INDONESIAN,
}

PLACEHOLDER_PATTERN: Final = re.compile(r"\{(\w+)\}")


def language_from_environment(environment: Mapping[str, str]) -> Language:
    """The language that the environment asks for: LC_ALL, LC_MESSAGES, LANG, in this order."""
    asked = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(k))), "")
    code = re.split(r"[_.@]", asked)[0].lower()
    return Language(code) if code in set(Language) else Language.EN


def translate(language: Language, text: str, **values: object) -> str:
    """`text` (in English, with placeholders in braces) in `language`, its placeholders filled."""
    return CATALOGUES[language].get(text, text).format(**values)


def translate_reason(language: Language, text: str) -> str:
    """A sentence of the daemon in `language`: the clauses between semicolons, one by one."""
    return "; ".join(_translate_clause(language, piece) for piece in text.split("; "))


def _translate_clause(language: Language, text: str) -> str:
    catalogue = CATALOGUES[language]
    if text in catalogue:
        return catalogue[text]
    for pattern, translated in _translation_patterns(language):
        match = pattern.fullmatch(text)
        if match is not None:
            found = {name: catalogue.get(v, v) for name, v in match.groupdict().items()}
            return translated.format(**found)
    return text


@cache
def _translation_patterns(language: Language) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of the texts with places, the most specific (longest) first."""
    texts = sorted(
        (t for t in CATALOGUES[language] if PLACEHOLDER_PATTERN.search(t)), key=len, reverse=True
    )
    return tuple((filled_text_pattern(text), CATALOGUES[language][text]) for text in texts)


@cache
def filled_text_pattern(text: str) -> re.Pattern[str]:
    """What a text with places looks like when they are filled."""
    parts = PLACEHOLDER_PATTERN.split(text)  # text, name, text, name, ..., text
    return re.compile(
        "".join(f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
    )
