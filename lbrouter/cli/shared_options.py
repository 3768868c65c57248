"""Options and arguments of more than one verb: a language, a time, a client."""

import os
from typing import Annotated, Final

import typer

from lbrouter.compile.report.i18n import language_from_environment
from lbrouter.model.errors import UsageError
from lbrouter.model.language import Language
from lbrouter.model.units import Duration

MIN_OPTION_TIME: Final = Duration(1_000)
MAX_OPTION_TIME: Final = Duration(24 * 3_600_000)

LangOption = Annotated[
    Language | None,
    typer.Option(help="Language of the screen; the default is that of LC_ALL, LC_MESSAGES, LANG."),
]

ClientArgument = Annotated[
    str, typer.Argument(metavar="CLIENT", help="Its address, its hardware address or its name.")
]

YesOption = Annotated[
    bool, typer.Option("--yes", help="Do it without asking, even if it does harm.")
]


def language_of(chosen: Language | None) -> Language:
    """What `--lang` says, else the environment."""
    return chosen or language_from_environment(os.environ)


def parse_time_option(text: str, *, option: str) -> Duration | None:
    """The argument of an option that takes a time; None for "". Raises UsageError."""
    if not text:
        return None
    try:
        duration = Duration.parse(text)
    except ValueError as error:
        raise UsageError(f'{option} "{text}" {error}.') from error
    if not MIN_OPTION_TIME <= duration <= MAX_OPTION_TIME:
        raise UsageError(
            f'{option} "{text}" is not between {MIN_OPTION_TIME} and {MAX_OPTION_TIME}.'
        )
    return duration
