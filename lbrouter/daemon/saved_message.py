"""`SavedMessage`: a message in a state file: its document, or the text of an earlier release."""

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from lbrouter.model.messages.message import Message, MessageDocument, parse_message


def _parsed(found: Any) -> Message | None:
    """The message, None where nothing was to say. Raises ValueError, as pydantic wants it."""
    if isinstance(found, Message):
        return found
    try:
        return parse_message(found) if found else None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no message") from error


def _document(message: Message | None) -> MessageDocument | None:
    return None if message is None else message.as_json()


SavedMessage = Annotated[
    Message | None, PlainValidator(_parsed), PlainSerializer(_document, return_type=Any)
]
"""The type of a field; None where there is nothing to say."""
