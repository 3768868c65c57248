"""The languages of the screen: gettext, with the English text as the key.

The daemon writes English (its journal, its JSON) and beside it each message as data; each screen
shows its reader's language. A text that is in no catalogue stays English.
"""

import re
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from typing import Any, Final

from lbrouter.model.language import Language
from lbrouter.model.messages.message import Message, parse_message, parse_phrase
from lbrouter.model.messages.phrase import PHRASE_KEY
from lbrouter.model.messages.rendering import ENGLISH, Translator, phrase_text, render
from lbrouter.model.timeline import TimelineEvent

CATALOGUE_PATH: Final = "locale/{language}/LC_MESSAGES/lbrouter.mo"


def language_from_environment(environment: Mapping[str, str]) -> Language:
    """The language that the environment asks for: LC_ALL, LC_MESSAGES, LANG, in this order."""
    asked = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(k))), "")
    code = re.split(r"[_.@]", asked)[0].lower()
    return Language(code) if code in set(Language) else Language.EN


@cache
def catalogue(language: Language) -> Translator:
    """The catalogue of a language, read once."""
    if language is Language.EN:
        return ENGLISH
    with (files("lbrouter") / CATALOGUE_PATH.format(language=language)).open("rb") as opened:
        return GNUTranslations(opened)


def translate(language: Language, text: str, **values: object) -> str:
    """`text` (in English, with placeholders in braces) in `language`, its placeholders filled."""
    return catalogue(language).gettext(text).format(**values)


def direction_text(language: Language, word: str) -> str:
    """The word "up" or "down" as a direction of traffic; elsewhere it is a state of an uplink."""
    return catalogue(language).pgettext("direction", word)


def message_text(language: Language, message: Message) -> str:
    """The sentence of a message in `language`."""
    return render(message, catalogue(language))


def in_language(language: Language, text: str) -> str:
    """A phrase in `language`; any other text as the catalogue has it, else as it stands."""
    return phrase_text(text, catalogue(language))


def translate_reason(language: Language, document: Mapping[str, Any], key: str = "reason") -> str:
    """The sentence under `key` in `language`, from the data beside it; else as it stands.

    `document` is a part of `status`, or an event's `more`. A daemon of another release may write no
    data, or codes that are not known here.
    """
    data = document.get(f"{key}_data")
    try:
        if isinstance(data, Mapping) and PHRASE_KEY in data:
            return in_language(language, parse_phrase(data))
        message = message_or_none(data)
        if message is not None:
            return message_text(language, message)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return str(document[key])
    return in_language(language, str(document[key]))


def event_text(language: Language, event: TimelineEvent) -> str:
    """The sentence of an event in `language`, from its message; else as it stands."""
    data = event["more"].get("message")
    return translate_reason(language, {"text": event["text"], "text_data": data}, "text")


def message_or_none(document: Any) -> Message | None:
    """The message of a document; None where there is none that this release knows."""
    try:
        return None if document is None else parse_message(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
