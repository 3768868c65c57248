"""Errors for a technician at two in the morning: what was wanted, what was found, what to do.

Each class carries the exit code that the contract gives it (after sysexits.h).
"""

from enum import IntEnum
from typing import ClassVar

from lbrouter.model.messages.phrase import as_phrase, phrase


class ExitCode(IntEnum):
    """Exit codes of the command, as the contract lists them."""

    DONE = 0
    CHECK_FAILED = 1
    CHANGES = 2
    USAGE = 64
    UNAVAILABLE = 69
    DEFECT = 70
    TRY_AGAIN = 75
    NOT_PERMITTED = 77
    CONFIG = 78


class LbrouterError(Exception):
    """Root of the tree: a sentence on what is wrong, and one on what to do.

    Both are constants or phrases: a screen shows them in its reader's language.
    """

    code: ClassVar[ExitCode] = ExitCode.DEFECT

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        message, remedy = as_phrase(self.message), as_phrase(self.remedy)
        return (
            phrase("{message}\n  {remedy}", message=message, remedy=remedy) if remedy else message
        )


def message_of(error: Exception) -> str:
    """What an error says, without what to do."""
    return error.message if isinstance(error, LbrouterError) else str(error)


class UsageError(LbrouterError):
    """The command line asks for something that does not exist (64)."""

    code = ExitCode.USAGE


class UnavailableError(LbrouterError):
    """The kernel, a tool or this version lacks something, named (69)."""

    code = ExitCode.UNAVAILABLE


class DefectError(LbrouterError):
    """A defect in lbrouter itself (70)."""

    code = ExitCode.DEFECT


class NotAppliedError(LbrouterError):
    """Nothing changed, or all of it was undone; trying again may help (75)."""

    code = ExitCode.TRY_AGAIN


class ConfirmationNeededError(NotAppliedError):
    """Nothing changed: it would do harm, so a person has to say yes first (75).

    `question` is what to ask; the same request with "yes" does it.
    """

    def __init__(self, message: str, *, question: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.question = question


class NotPermittedError(LbrouterError):
    """The kernel asks for rights that this process lacks (77)."""

    code = ExitCode.NOT_PERMITTED


class ConfigError(LbrouterError):
    """The configuration is wrong: all its errors, one a line (78)."""

    code = ExitCode.CONFIG
