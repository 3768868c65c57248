"""The report of a rehearsal as tables: one row for each thing that was checked."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lbrouter.compile.report.styles import BAD_STYLE, GOOD_STYLE
from lbrouter.compile.report.wording import counted
from lbrouter.rehearsal.lab.faults import FAULT_TITLES
from lbrouter.rehearsal.report.judgement import (
    CHECK_VERDICT_STYLES,
    Check,
    CheckVerdict,
    check_row,
    info_row,
)
from lbrouter.rehearsal.report.rows import (
    BandwidthRow,
    FaultRow,
    bandwidth_table,
    fault_tables,
    seamless_table,
)

__all__ = [
    "BandwidthRow",
    "Check",
    "CheckVerdict",
    "FaultRow",
    "RehearsalReport",
    "check_row",
    "info_row",
    "render_report",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalReport:
    """All rows in order, what the venue had to replace, and how long it took (seconds)."""

    gateway: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    seconds: float
    faults: tuple[FaultRow, ...] = ()
    bandwidth: tuple[BandwidthRow, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no check failed, and at least one was made."""
        passed = any(check.verdict is CheckVerdict.PASS for check in self.checks)
        return passed and CheckVerdict.FAIL not in self._verdicts()

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """The rows that failed."""
        return tuple(check for check in self.checks if check.verdict is CheckVerdict.FAIL)

    def count(self, verdict: CheckVerdict) -> int:
        """How many rows of all kinds have this verdict."""
        return list(self._verdicts()).count(verdict)

    def _verdicts(self) -> Iterator[CheckVerdict]:
        yield from (check.verdict for check in self.checks)
        yield from (row.verdict for row in self.faults)
        yield from (row.verdict for row in self.bandwidth)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: ok, gateway, seconds, notes, checks (act, subject, expected, ...), faults
        (see FaultRow), bandwidth (see BandwidthRow).
        """
        return {
            "ok": self.ok,
            "gateway": self.gateway,
            "seconds": round(self.seconds, 1),
            "notes": list(self.notes),
            "checks": [asdict(check) for check in self.checks],
            "faults": [row.as_json() for row in self.faults],
            "bandwidth": [row.as_json() for row in self.bandwidth],
        }


def render_report(report: RehearsalReport) -> RenderableType:
    """The report as tables, with what went wrong, the notes and the result below."""
    return Group(*_renderables(report))


def _renderables(report: RehearsalReport) -> Iterator[RenderableType]:
    for section, checks in groupby(report.checks, key=lambda check: check.act):
        yield _check_table(section, list(checks))
    yield from fault_tables(report.faults)
    if (table := seamless_table(report.faults)) is not None:
        yield table
    if report.bandwidth:
        yield bandwidth_table(report.bandwidth)
    yield from _row_notes(report)
    for note in report.notes:
        yield Text(f"note: {note}", style="dim")
    yield _summary(report)


def _row_notes(report: RehearsalReport) -> Iterator[Text]:
    """What the values alone do not say: what failed, and what could not be judged."""
    said: dict[str, CheckVerdict] = {}
    for row in report.faults:
        if row.policy and row.note:
            where = row.policy if row.verdict is CheckVerdict.FAIL else "every policy"
            said[f"{row.uplink}, {FAULT_TITLES[row.fault]}, {where}: {row.note}"] = row.verdict
    for rate in report.bandwidth:
        if rate.note:
            said[f"{rate.vlan}, {rate.direction}, {rate.situation}: {rate.note}"] = rate.verdict
    yield from (Text(words, style=CHECK_VERDICT_STYLES[verdict]) for words, verdict in said.items())


def _check_table(section: str, checks: list[Check]) -> Table:
    table = Table(title=section, title_justify="left", title_style="bold", expand=False)
    for heading in ("", "expected", "seen", "verdict"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        verdict = Text(check.verdict, style=CHECK_VERDICT_STYLES[check.verdict])
        table.add_row(Text(check.subject), Text(check.expected), Text(check.seen), verdict)
    return table


def _summary(report: RehearsalReport) -> Text:
    passed, failed = report.count(CheckVerdict.PASS), report.count(CheckVerdict.FAIL)
    took = f"in {report.seconds:.1f} s"
    if report.ok:
        checks = "the one check" if passed == 1 else f"all {passed} checks"
        return Text(f"{report.gateway}: {checks} passed {took}", style=f"bold {GOOD_STYLE}")
    words = f"{report.gateway}: {failed} of {counted(passed + failed, 'check', 'checks')} failed"
    return Text(f"{words} {took}", style=BAD_STYLE)
