"""What a rehearsal found: one row for each thing that was looked at."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class Verdict(StrEnum):
    """What a row says. INFO rows promise nothing."""

    PASS = "pass"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row: in which act, of what, what the file promises, what was seen from outside."""

    act: str
    subject: str
    expected: str
    seen: str
    verdict: Verdict


def judge(act: str, subject: str, *, expected: str, seen: str, ok: bool) -> Check:
    """A row that passes when `ok`."""
    verdict = Verdict.PASS if ok else Verdict.FAIL
    return Check(act=act, subject=subject, expected=expected, seen=seen, verdict=verdict)


def tell(act: str, subject: str, seen: str) -> Check:
    """A row that only informs."""
    return Check(act=act, subject=subject, expected="", seen=seen, verdict=Verdict.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All rows in order, what the venue had to replace, and how long it took (seconds)."""

    gateway: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing failed, and something was looked at."""
        passed = any(check.verdict is Verdict.PASS for check in self.checks)
        return passed and not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The rows that failed."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: ok, gateway, seconds, notes, checks (act, subject, expected, ...)."""
        return {
            "ok": self.ok,
            "gateway": self.gateway,
            "seconds": round(self.seconds, 1),
            "notes": list(self.notes),
            "checks": [asdict(check) for check in self.checks],
        }


_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INFO: "dim"}


def render(report: Report) -> RenderableType:
    """The report as tables, one an act, with the notes and the result below."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    for act, checks in groupby(report.checks, key=lambda check: check.act):
        yield _table(act, list(checks))
    for note in report.notes:
        yield Text(f"note: {note}", style="dim")
    yield _result(report)


def _table(act: str, checks: list[Check]) -> Table:
    table = Table(title=act, title_justify="left", title_style="bold", expand=False)
    for heading in ("", "expected", "seen", "verdict"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        verdict = Text(check.verdict, style=_STYLES[check.verdict])
        table.add_row(Text(check.subject), Text(check.expected), Text(check.seen), verdict)
    return table


def _result(report: Report) -> Text:
    passed = sum(check.verdict is Verdict.PASS for check in report.checks)
    took = f"in {report.seconds:.1f} s"
    if report.ok:
        return Text(f"{report.gateway}: all {passed} checks passed {took}", style="bold green")
    words = f"{report.gateway}: {len(report.failed)} of {passed + len(report.failed)} checks failed"
    return Text(f"{words} {took}", style="bold red")
