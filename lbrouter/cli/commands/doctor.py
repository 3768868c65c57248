"""`lbrouter doctor`: a line for each thing that was looked at, with what to do about it."""

from rich.text import Text

from lbrouter.cli import context
from lbrouter.cli.commands.status import console
from lbrouter.cli.output.render import document
from lbrouter.cli.settings import Settings
from lbrouter.kernel.doctor import Finding, Level, examine
from lbrouter.model.errors import Exit

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


async def doctor(settings: Settings) -> int:
    """0 when all is fine or doubtful, 69 when something is lacking that lbrouter cannot do without.

    With JSON: {"ok", "findings": [{"subject", "level", "found", "remedy"}]}.
    """
    findings = await examine(context.config_or_none(settings))
    fine = all(each.level is not Level.FAIL for each in findings)
    if settings.json:
        document({"ok": fine, "findings": [each.as_json() for each in findings]})
    else:
        _print(findings)
    return Exit.DONE if fine else Exit.UNAVAILABLE


def _print(findings: tuple[Finding, ...]) -> None:
    out = console()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        level = (f"{each.level:<5}", STYLES[each.level])
        out.print(Text.assemble(level, f"{each.subject:<{width}}  {each.found}"), soft_wrap=True)
        if each.remedy and each.level is not Level.OK:
            out.print(f"{'':<5}{'':<{width}}  -> {each.remedy}", soft_wrap=True, markup=False)
