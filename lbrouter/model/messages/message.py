"""`Message`: one statement as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NotRequired, TypedDict, Union

from lbrouter.model.messages.codes import CODE_KINDS, ReasonCode, TextCode
from lbrouter.model.messages.phrase import PHRASE_KEY, Phrase
from lbrouter.model.messages.rendering import render

MessageValue = Union[str, int, float, None, "Message", tuple[str, ...]]
"""What a message is about. Its name says the unit: `span_s`, `limit_percent`, `rate_bps`."""


class MessageDocument(TypedDict):
    """A message in JSON: a stable `code`, and the values of its sentence."""

    code: str
    values: dict[str, Any]
    also: NotRequired[list["MessageDocument"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A code, the values that belong to it, and further messages of the same kind.

    Of the sentences of one code the names of the values decide. False where there is nothing to
    say: `told("")`.
    """

    code: StrEnum
    values: Mapping[str, MessageValue] = field(default_factory=dict)
    also: tuple["Message", ...] = ()

    @property
    def text(self) -> str:
        """In English: what programs and the log get beside the code."""
        return render(self)

    def __bool__(self) -> bool:
        return self.code is not TextCode.TOLD or bool(self.values["text"])

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> MessageDocument:
        """The document of it, for files, socket and history."""
        found: MessageDocument = {
            "code": str(self.code),
            "values": {
                name: each.as_json()
                if isinstance(each, Message | Phrase)
                else list(each)
                if isinstance(each, tuple)
                else each
                for name, each in self.values.items()
            },
        }
        if self.also:
            found["also"] = [each.as_json() for each in self.also]
        return found


def message(code: StrEnum, **values: MessageValue) -> Message:
    """A message with these values."""
    return Message(code=code, values=values)


def told(text: str) -> Message:
    """Words that stay as they are: of another program, or of an earlier release."""
    return Message(code=TextCode.TOLD, values={"text": text})


def joined(messages: list[Message]) -> Message:
    """Several as one: the first has the code. The list is not empty."""
    first, *others = messages
    return Message(code=first.code, values=first.values, also=(*first.also, *others))


def parse_message(found: Any) -> Message:
    """The message of a document; a text, of an earlier release, is told as it is.

    Raises ValueError, KeyError, TypeError or AttributeError for anything else.
    """
    if isinstance(found, str):
        return told(found)
    return Message(
        code=parse_code(found["code"]),
        values={str(name): _parse_value(each) for name, each in found["values"].items()},
        also=tuple(map(parse_message, found.get("also", ()))),
    )


def parse_code(word: str) -> StrEnum:
    """The code that is written so. Raises ValueError."""
    for kind in CODE_KINDS:
        if word in set(kind):
            return kind(word)
    raise ValueError(word)


def parse_reason(found: Any, code: str) -> Message:
    """As `parse_message`; of a text of an earlier release its `code` is kept, where it is known."""
    if isinstance(found, str) and code in set(ReasonCode):
        return Message(code=ReasonCode(code), values={"text": found})
    return parse_message(found)


def parse_phrase(found: Any) -> str:
    """The text of `phrase_document`, a phrase where it was one.

    Raises ValueError, KeyError, TypeError or AttributeError for anything else.
    """
    if isinstance(found, str):
        return found
    values = {str(name): _parse_phrase_value(each) for name, each in found["values"].items()}
    return Phrase(str(found[PHRASE_KEY]), values)


def _parse_phrase_value(found: Any) -> str | Message:
    """A value that was translated with its phrase as a document is again one of these."""
    if isinstance(found, dict):
        return parse_phrase(found) if PHRASE_KEY in found else parse_message(found)
    return str(found)


def _parse_value(found: Any) -> MessageValue:
    if isinstance(found, dict):
        return parse_phrase(found) if PHRASE_KEY in found else parse_message(found)
    if isinstance(found, list):
        return tuple(map(str, found))
    if found is None or isinstance(found, str | int | float):
        return found
    raise TypeError(found)
