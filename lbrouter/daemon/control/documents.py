"""Operations as JSON documents, for `plan --json`, `apply --json` and the control socket."""

from typing import NotRequired, TypedDict

from lbrouter.compile.state.commands import command_line
from lbrouter.model.messages.phrase import Phrase, PhraseDocument
from lbrouter.model.plan import Operation


class ChangeDocument(TypedDict):
    """One operation in JSON: when, what it does, the command that a person would type, and why."""

    phase: str
    verb: str
    command: str
    reason: str
    reason_data: NotRequired[PhraseDocument]
    """What the reason was made of, where it is not a constant."""


def change_document(operation: Operation) -> ChangeDocument:
    """An operation for `plan --json`, `apply --json` and the control socket."""
    document: ChangeDocument = {
        "phase": operation.phase.name.lower(),
        "verb": str(operation.action),
        "command": command_line(operation),
        "reason": operation.reason,
    }
    if isinstance(operation.reason, Phrase) and operation.reason.values:
        document["reason_data"] = operation.reason.as_json()
    return document
