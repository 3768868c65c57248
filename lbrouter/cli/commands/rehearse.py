"""`lbrouter rehearse`: the file in a venue of namespaces, before the event instead of during it.

0 when everything went as the file says, else 1. With JSON: the report of `lbrouter.rehearsal`.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lbrouter import rehearsal
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import (
    print_damage,
    print_diagnostic,
    print_diagnostics,
    print_json,
)
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.compile.diagnosis.precheck_facts import RehearsalResult
from lbrouter.daemon.check_results import CheckResultStore
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal import RehearsalOptions, parse_faults, render_report


def rehearse(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The configuration file; else that of --config."),
    ] = None,
    *,
    faults: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="all, none, or of: cable, blackhole, loss, latency, dns, portal, lease, flap.",
        ),
    ] = "all",
    bandwidth: Annotated[
        bool, typer.Option(help="Measure each VLAN's rates: alone, in a flood, with a line lost.")
    ] = True,
    json: JsonOption = False,
) -> int:
    """Test the configuration with simulated providers, internet and clients."""
    settings = settings_of(context, json=json)
    options = RehearsalOptions(faults=parse_faults(faults), bandwidth=bandwidth)
    loaded = load_config_file(settings if file is None else replace(settings, config=file))
    print_diagnostics("warning", loaded.warnings)
    report = rehearsal.rehearse(loaded.config, progress=_progress, options=options)
    _progress("")
    result = RehearsalResult(
        at=utc_timestamp(precision="seconds"), digest=loaded.digest, passed=report.ok
    )
    CheckResultStore(settings.state_dir, print_damage).save_rehearsal(result)
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
