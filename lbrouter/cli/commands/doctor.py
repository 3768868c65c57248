"""`lbrouter doctor`: a line for each thing that was looked at, with what to do about it.

0 when all is fine or doubtful, 69 when something is lacking that lbrouter cannot do without. With
JSON: {"ok", "findings": [{"subject", "level", "found", "remedy"}]}.
"""

import asyncio

import typer
from rich.text import Text

from lbrouter.cli.context import config_or_none
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_json
from lbrouter.cli.screen_language import on_screen
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, GOOD_STYLE
from lbrouter.kernel.doctor import Diagnosis, DiagnosisLevel, run_diagnostics
from lbrouter.model.errors import ExitCode

DOCTOR_LEVEL_STYLES = {
    DiagnosisLevel.OK: GOOD_STYLE,
    DiagnosisLevel.WARN: FAIR_STYLE,
    DiagnosisLevel.FAIL: BAD_STYLE,
}


def doctor(context: typer.Context, *, json: JsonOption = False) -> int:
    """Check the kernel, programs and other network software; say how to fix problems."""
    settings = settings_of(context, json=json)
    findings = asyncio.run(run_diagnostics(config_or_none(settings)))
    fine = all(finding.level is not DiagnosisLevel.FAIL for finding in findings)
    if settings.json:
        print_json({"ok": fine, "findings": [finding.as_json() for finding in findings]})
    else:
        _print_findings(findings)
    return ExitCode.DONE if fine else ExitCode.UNAVAILABLE


def _print_findings(findings: tuple[Diagnosis, ...]) -> None:
    out = console()
    width = max(len(finding.subject) for finding in findings)
    level_width = max(len(on_screen(level)) for level in DiagnosisLevel) + 1
    for finding in findings:
        level = (f"{on_screen(finding.level):<{level_width}}", DOCTOR_LEVEL_STYLES[finding.level])
        out.print(
            Text.assemble(level, f"{finding.subject:<{width}}  {on_screen(finding.found)}"),
            soft_wrap=True,
        )
        if finding.remedy and finding.level is not DiagnosisLevel.OK:
            remedy = on_screen(finding.remedy)
            out.print(
                f"{'':<{level_width}}{'':<{width}}  -> {remedy}", soft_wrap=True, markup=False
            )
