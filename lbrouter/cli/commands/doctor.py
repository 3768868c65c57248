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
    fine = all(each.level is not DiagnosisLevel.FAIL for each in findings)
    if settings.json:
        print_json({"ok": fine, "findings": [each.as_json() for each in findings]})
    else:
        _print_findings(findings)
    return ExitCode.DONE if fine else ExitCode.UNAVAILABLE


def _print_findings(findings: tuple[Diagnosis, ...]) -> None:
    out = console()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        level = (f"{each.level:<5}", DOCTOR_LEVEL_STYLES[each.level])
        out.print(Text.assemble(level, f"{each.subject:<{width}}  {each.found}"), soft_wrap=True)
        if each.remedy and each.level is not DiagnosisLevel.OK:
            out.print(f"{'':<5}{'':<{width}}  -> {each.remedy}", soft_wrap=True, markup=False)
