"""`lbrouter rehearse`: the file in a venue of namespaces, before the event instead of during it."""

import sys
from dataclasses import replace
from pathlib import Path

from lbrouter.cli import context
from lbrouter.cli.commands.status import console
from lbrouter.cli.output.render import print_diagnostic, print_diagnostics, print_json
from lbrouter.cli.settings import CommandSettings
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal import RehearsalOptions, parse_faults, render_report
from lbrouter.rehearsal import rehearse as play


def rehearse(settings: CommandSettings, path: Path | None, *, faults: str, bandwidth: bool) -> int:
    """0 when everything went as the file says, else 1. With JSON: `Report.as_json`.

    `faults` is "all", "none" or a list of words, separated by commas.
    """
    options = RehearsalOptions(faults=parse_faults(faults), bandwidth=bandwidth)
    file = context.load_config_file(settings if path is None else replace(settings, config=path))
    print_diagnostics("warning", file.warnings)
    report = play(file.config, progress=_progress, options=options)
    _progress("")
    if settings.json:
        print_json(report.as_json())
    else:
        console().print(render_report(report))
    return ExitCode.DONE if report.ok else ExitCode.CHECK_FAILED


def _progress(step: str) -> None:
    """What goes on, beside the result: on stderr, one line that is written over on a terminal,
    and empty at last.
    """
    if sys.stderr.isatty():
        print(f"\r\x1b[K{step}", end="", file=sys.stderr, flush=True)
    elif step:
        print_diagnostic(step)
