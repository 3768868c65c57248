"""Options and arguments of more than one verb: a language, a time, a client."""

from typing import Annotated, Final

import typer

from lbrouter.model.errors import UsageError
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.units import Duration

MIN_OPTION_TIME: Final = Duration(1_000)
MAX_OPTION_TIME: Final = Duration(24 * 3_600_000)

ClientArgument = Annotated[
    str, typer.Argument(metavar="CLIENT", help="Its address, its hardware address or its name.")
]

YesOption = Annotated[
    bool, typer.Option("--yes", help="Do it without asking, even if it does harm.")
]


def parse_time_option(text: str, *, option: str) -> Duration | None:
    """The argument of an option that takes a time; None for "". Raises UsageError."""
    if not text:
        return None
    try:
        duration = Duration.parse(text)
    except ValueError as error:
        said = phrase(
            '{option} "{text}" {error}.', option=option, text=text, error=as_phrase(str(error))
        )
        raise UsageError(said) from error
    if not MIN_OPTION_TIME <= duration <= MAX_OPTION_TIME:
        raise UsageError(
            phrase(
                '{option} "{text}" is not between {low} and {high}.',
                option=option,
                text=text,
                low=MIN_OPTION_TIME,
                high=MAX_OPTION_TIME,
            )
        )
    return duration
