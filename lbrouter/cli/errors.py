"""From whatever went wrong to one message and one exit code."""

import os
import sys
import traceback
from collections.abc import Callable
from signal import SIG_IGN, SIGINT, signal
from typing import Final

from lbrouter import __version__
from lbrouter.cli.output.render import error_document, print_diagnostic, print_json
from lbrouter.model.errors import (
    DefectError,
    ExitCode,
    LbrouterError,
    NotPermittedError,
)
from lbrouter.model.messages.phrase import as_phrase, phrase

EXIT_INTERRUPTED: Final = 130
"""What a shell expects of a command that Ctrl-C ended (128 + SIGINT)."""

EXIT_BROKEN_PIPE: Final = 141
"""128 + SIGPIPE: the reader of our output has gone."""

DEBUG_VARIABLE: Final = "LBROUTER_DEBUG"

REPORT_DEFECT_REMEDY: Final = phrase(
    "Please report it to lbrouter's issue tracker, with the command, the file and the traceback"
    " ({variable}=1 shows it).",
    variable=DEBUG_VARIABLE,
)


def run_with_error_report(work: Callable[[], int], *, json: bool) -> int:
    """Run `work`; errors become a message on stderr (and with `json` a document on stdout)."""
    try:
        code = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # Point stdout elsewhere, or the interpreter would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        signal(SIGINT, SIG_IGN)  # who presses twice is told once, and gets the same code
        print_diagnostic(phrase("lbrouter: {error}", error=phrase("interrupted")))
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  -- the last line of defence: nothing else catches all
        return _report_error(_as_lbrouter_error(error), json=json)
    return code


def _report_error(error: LbrouterError, *, json: bool) -> int:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)
    if error.message:  # without a verb typer has printed the help already, and says nothing
        text = as_phrase(str(error))
        print_diagnostic(
            text if error.code is ExitCode.CONFIG else phrase("lbrouter: {error}", error=text)
        )
    if json:
        print_json(error_document(error))
    return int(error.code)


def _as_lbrouter_error(error: Exception) -> LbrouterError:
    """Any exception as one of the tree; one that was not foreseen is a defect."""
    if isinstance(error, LbrouterError):
        return error
    if isinstance(error, PermissionError):
        told: LbrouterError = NotPermittedError(
            phrase("Not permitted: {error}.", error=error), remedy="Run it as root."
        )
    else:
        sentence = f"{type(error).__name__}: {error}"
        told = DefectError(
            phrase(
                "A defect in lbrouter {version}: {sentence}", version=__version__, sentence=sentence
            ),
            remedy=REPORT_DEFECT_REMEDY,
        )
    told.__cause__ = error
    return told
