"""What is left English of a text, on a screen in another language."""

import re
from collections.abc import Iterator
from typing import Final

from lbrouter.compile.report.i18n import in_language
from lbrouter.model.language import Language
from lbrouter.model.messages.phrase import Phrase
from tests.kit.catalogues import catalogue_of
from tests.kit.source_phrases import has_letters

ENGLISH_WORDS: Final = re.compile(
    r"\b(the|is|of|not|are|has|have|was|were|which|that|this|cannot|for|with|by|and|but|needs"
    r"|names|holds|only|another|every|too|its|it|nothing|there|when|while|already|would|does"
    r"|other|you|your|where|what|been|than|more|here|file|missing)\b"
)
"""Words that no Indonesian sentence has, and no name of a key, a program or a command of ours."""

QUOTED: Final = re.compile(r"\"[^\"]*\"|`[^`]*`|/\S+|\[[^\]]*\]|--\w[\w-]*|[\w-]+(?:\.[\w-]+)+")
"""What a text quotes: values of the file, commands, paths, options, keys."""


def english_words(text: str) -> set[str]:
    """The English words that stand in a text outside of what it quotes."""
    return set(ENGLISH_WORDS.findall(QUOTED.sub(" ", text)))


def missing_entries(text: object, language: Language = Language.ID) -> set[str]:
    """The templates of a text that the catalogue does not have: of itself, and of its values."""
    known = catalogue_of(language).keys()
    return {each for each in _templates(text) if each not in known}


def require_translation(text: str) -> None:
    """Fail where a part of `text` has no entry, or an English word is left in Indonesian."""
    assert missing_entries(text) == set(), text
    indonesian = in_language(Language.ID, text)
    assert english_words(indonesian) == set(), indonesian


def _templates(text: object) -> Iterator[str]:
    if isinstance(text, Phrase):
        # Without values it may be no text at all: a list of keys, a name that stands for itself.
        if has_letters(text.template) and (text.values or english_words(text.template)):
            yield text.template
        for value in text.values.values():
            yield from _templates(value)
