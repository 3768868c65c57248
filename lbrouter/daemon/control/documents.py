"""Operations as documents: what `plan --json`, `apply --json` and the control socket say of one."""

from typing import TypedDict

from lbrouter.compile.state.commands import words
from lbrouter.model.plan import Operation


class Change(TypedDict):
    """One operation in JSON: when, what it does, the command that a person would type, and why."""

    phase: str
    verb: str
    command: str
    reason: str


def change(operation: Operation) -> Change:
    """An operation for `plan --json`, `apply --json` and the control socket."""
    return {
        "phase": operation.phase.name.lower(),
        "verb": str(operation.verb),
        "command": words(operation),
        "reason": operation.reason,
    }
