"""What differs between two files, in the reader's language; `plan --brief`."""

import tomllib
from typing import Any

from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.config_changes import ConfigChange, config_changes
from lbrouter.compile.report.i18n import translate
from lbrouter.model.errors import ExitCode
from lbrouter.model.language import Language

NOTHING_BEFORE = "nothing was applied before: the whole file is new"
SAME_FILE = "the file says what it said before"
KERNEL_CHANGES = "changes of the kernel: {count} (lbrouter plan shows each)"


def change_text(document: Any, language: Language) -> str:
    """One difference, from its document."""
    change = ConfigChange(**{key: each for key, each in document.items() if key != "said"})
    what = translate(language, change.what, name=change.name, number=change.name)
    return translate(language, change.sentence, what=what, **change.values())


def print_brief_plan(
    settings: CommandSettings, language: Language, before: bytes | None, after: bytes, count: int
) -> int:
    """What an apply of the file `after` means, in words; 2 when it holds changes.

    `before` is the file that was applied last, `count` how much of the kernel would change.
    """
    found = []
    if before is not None:
        texts = (tomllib.loads(text.decode()) for text in (before, after))
        found = [change.as_json() for change in config_changes(*texts)]
    if settings.json:
        print_json({"file": found, "first": before is None, "changes": count})
    else:
        for change in found:
            print_line(change_text(change, language))
        if not found:
            print_line(translate(language, NOTHING_BEFORE if before is None else SAME_FILE))
        print_line(translate(language, KERNEL_CHANGES, count=count))
    return ExitCode.CHANGES if count else ExitCode.DONE
