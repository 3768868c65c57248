"""Operations as JSON documents, for `plan --json`, `apply --json` and the control socket."""

from typing import TypedDict

from lbrouter.compile.state.commands import command_line
from lbrouter.model.plan import Operation


class ChangeDocument(TypedDict):
    """One operation in JSON: when, what it does, the command that a person would type, and why."""

    phase: str
    verb: str
    command: str
    reason: str


def change_document(operation: Operation) -> ChangeDocument:
    """An operation for `plan --json`, `apply --json` and the control socket."""
    return {
        "phase": operation.phase.name.lower(),
        "verb": str(operation.action),
        "command": command_line(operation),
        "reason": operation.reason,
    }
