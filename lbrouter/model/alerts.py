"""`[alerts]`: whom to tell of what happens, and how."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from lbrouter.model.field_types import Path, Section
from lbrouter.model.language import Language
from lbrouter.model.targets import Target, TargetKind, parse_target
from lbrouter.model.validated_strings import RefusedError, Text

A_WEBHOOK: Final = 'a URL such as "https://chat.example/hooks/lbrouter"'
AN_ARGUMENT: Final = "text on one line"

LONGEST_ARGUMENT: Final = 1000
MAX_ARGUMENTS: Final = 50


class AlertKind(StrEnum):
    """What an alert may be about, in one word."""

    DOWN = "down"
    UP = "up"
    DEGRADED = "degraded"
    WAITING = "waiting"
    DRAINED = "drained"
    MOVE = "move"
    REPAIR = "repair"
    TROUBLE = "trouble"
    APPLY = "apply"
    ROLLBACK = "rollback"


USUAL: Final = (
    AlertKind.DOWN,
    AlertKind.UP,
    AlertKind.DEGRADED,
    AlertKind.WAITING,
    AlertKind.TROUBLE,
    AlertKind.ROLLBACK,
)


def parse_webhook(text: str) -> Target:
    """A page over HTTP or HTTPS. Raises RefusedError; a URL with a user name is none of those."""
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise RefusedError("holds a user name")
    found = parse_target(text)
    if found.kind not in (TargetKind.HTTP, TargetKind.HTTPS):
        raise RefusedError("is not the URL of a page")
    return found


def parse_argument(text: str) -> str:
    """A word of a command line. Control characters would only hide what is run."""
    if not text.isprintable() or len(text) > LONGEST_ARGUMENT:
        raise RefusedError("is not a word of a command")
    return text


Webhook = Annotated[Target, Text(parse=parse_webhook, accepted=A_WEBHOOK)]
Argument = Annotated[str, Text(parse=parse_argument, accepted=AN_ARGUMENT)]


class Alerts(Section):
    """Whom to tell of what happens: a web page, a command, or both. Absent means: nobody."""

    webhook: Webhook | None = None
    """The URL to which each alert is posted as JSON. One that holds a secret belongs into
    `webhook_file`."""
    webhook_file: Path | None = None
    """A file that holds the URL on its one line, instead of `webhook`. Read anew for each alert."""
    command: Annotated[tuple[Argument, ...], Field(max_length=MAX_ARGUMENTS)] = ()
    """A program with its arguments, run for each alert, which it finds as JSON on its standard
    input. No shell reads it. It has ten seconds."""
    on: Annotated[tuple[AlertKind, ...], Field(min_length=1, max_length=len(AlertKind))] = USUAL
    """What is worth an alert: states of uplinks, and kinds of events."""
    language: Language = Language.EN
    """Language of the sentence in an alert."""
