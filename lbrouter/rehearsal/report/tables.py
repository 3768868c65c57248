"""What a rehearsal found: one row for each thing that was looked at."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lbrouter.rehearsal.checks.faults import TITLES
from lbrouter.rehearsal.report.judgement import STYLES, Check, Verdict, judge, tell
from lbrouter.rehearsal.report.rows import BandwidthRow, FaultRow, bandwidth_table, fault_tables

__all__ = ["BandwidthRow", "Check", "FaultRow", "Report", "Verdict", "judge", "render", "tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All rows in order, what the venue had to replace, and how long it took (seconds)."""

    gateway: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    seconds: float
    faults: tuple[FaultRow, ...] = ()
    bandwidth: tuple[BandwidthRow, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed, and something was looked at."""
        passed = any(check.verdict is Verdict.PASS for check in self.checks)
        return passed and Verdict.FAIL not in self._verdicts()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The rows that failed."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    def count(self, verdict: Verdict) -> int:
        """How many rows of all kinds have this verdict."""
        return list(self._verdicts()).count(verdict)

    def _verdicts(self) -> Iterator[Verdict]:
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


def render(report: Report) -> RenderableType:
    """The report as tables, with what went wrong, the notes and the result below."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    for act, checks in groupby(report.checks, key=lambda check: check.act):
        yield _table(act, list(checks))
    yield from fault_tables(report.faults)
    if report.bandwidth:
        yield bandwidth_table(report.bandwidth)
    yield from _remarks(report)
    for note in report.notes:
        yield Text(f"note: {note}", style="dim")
    yield _result(report)


def _remarks(report: Report) -> Iterator[Text]:
    """What the figures alone do not say: what failed, and what could not be judged."""
    said: dict[str, Verdict] = {}
    for row in report.faults:
        if row.policy and row.note:
            where = row.policy if row.verdict is Verdict.FAIL else "every policy"
            said[f"{row.uplink}, {TITLES[row.fault]}, {where}: {row.note}"] = row.verdict
    for each in report.bandwidth:
        if each.note:
            said[f"{each.vlan}, {each.direction}, {each.situation}: {each.note}"] = each.verdict
    yield from (Text(words, style=STYLES[verdict]) for words, verdict in said.items())


def _table(act: str, checks: list[Check]) -> Table:
    table = Table(title=act, title_justify="left", title_style="bold", expand=False)
    for heading in ("", "expected", "seen", "verdict"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        verdict = Text(check.verdict, style=STYLES[check.verdict])
        table.add_row(Text(check.subject), Text(check.expected), Text(check.seen), verdict)
    return table


def _result(report: Report) -> Text:
    passed, failed = report.count(Verdict.PASS), report.count(Verdict.FAIL)
    took = f"in {report.seconds:.1f} s"
    if report.ok:
        return Text(f"{report.gateway}: all {passed} checks passed {took}", style="bold green")
    words = f"{report.gateway}: {failed} of {passed + failed} checks failed"
    return Text(f"{words} {took}", style="bold red")
