"""`[alerts]`: whom to tell of what happens, and how."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from lbrouter.model.language import Language
from lbrouter.model.sections.field_types import AbsolutePath, Section
from lbrouter.model.sections.targets import ProbeTarget, TargetKind, parse_target
from lbrouter.model.validated_strings import InvalidValueError, ParsedString

ACCEPTED_WEBHOOK: Final = 'a URL such as "https://chat.example/hooks/lbrouter"'
ACCEPTED_ARGUMENT: Final = "text on one line"

MAX_ARGUMENT_LENGTH: Final = 1000
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
    DHCP = "dhcp"
    ROUTER = "router"
    APPLY = "apply"
    ROLLBACK = "rollback"
    BOUND = "bound"


DEFAULT_ALERT_KINDS: Final = (
    AlertKind.DOWN,
    AlertKind.UP,
    AlertKind.DEGRADED,
    AlertKind.WAITING,
    AlertKind.TROUBLE,
    AlertKind.DHCP,
    AlertKind.ROUTER,
    AlertKind.ROLLBACK,
    AlertKind.BOUND,
)


def parse_webhook(text: str) -> ProbeTarget:
    """The URL of a page over HTTP or HTTPS, without a user name. Raises InvalidValueError."""
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise InvalidValueError("holds a user name")
    target = parse_target(text)
    if target.kind not in (TargetKind.HTTP, TargetKind.HTTPS):
        raise InvalidValueError("is not the URL of a page")
    return target


def parse_argument(text: str) -> str:
    """A word of a command line. Control characters would only hide what is run."""
    if not text.isprintable() or len(text) > MAX_ARGUMENT_LENGTH:
        raise InvalidValueError("is not a word of a command")
    return text


Webhook = Annotated[ProbeTarget, ParsedString(parse=parse_webhook, accepted=ACCEPTED_WEBHOOK)]
CommandArgument = Annotated[str, ParsedString(parse=parse_argument, accepted=ACCEPTED_ARGUMENT)]


class Alerts(Section):
    """Where alerts go: to a web page, a command, or both. Absent means: no alerts."""

    webhook: Webhook | None = None
    """The URL to which each alert is posted as JSON. One that holds a secret belongs into
    `webhook_file`."""
    webhook_file: AbsolutePath | None = None
    """A file with the URL on its one line, instead of `webhook`. Read again for each alert."""
    command: Annotated[tuple[CommandArgument, ...], Field(max_length=MAX_ARGUMENTS)] = ()
    """A program with its arguments, run for each alert, which it finds as JSON on its standard
    input. No shell reads it. It has ten seconds."""
    on: Annotated[tuple[AlertKind, ...], Field(min_length=1, max_length=len(AlertKind))] = (
        DEFAULT_ALERT_KINDS
    )
    """What is worth an alert: states of uplinks, and kinds of events."""
    language: Language = Language.EN
    """Language of the sentence in an alert."""
