"""One row of a rehearsal: what was checked, what was expected, what was seen."""

from dataclasses import dataclass
from enum import StrEnum

from lbrouter.compile.report.styles import ASIDE_STYLE, BAD_STYLE, GOOD_STYLE


class CheckVerdict(StrEnum):
    """What a row says. INFO rows expect nothing."""

    PASS = "pass"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row: `act` is its section; its subject, what the file asks for, what was seen."""

    act: str
    subject: str
    expected: str
    seen: str
    verdict: CheckVerdict


def check_row(section: str, subject: str, *, expected: str, seen: str, ok: bool) -> Check:
    """A row that passes when `ok`."""
    verdict = CheckVerdict.PASS if ok else CheckVerdict.FAIL
    return Check(act=section, subject=subject, expected=expected, seen=seen, verdict=verdict)


def info_row(section: str, subject: str, seen: str) -> Check:
    """A row that only informs."""
    return Check(act=section, subject=subject, expected="", seen=seen, verdict=CheckVerdict.INFO)


CHECK_VERDICT_STYLES = {
    CheckVerdict.PASS: GOOD_STYLE,
    CheckVerdict.FAIL: BAD_STYLE,
    CheckVerdict.INFO: ASIDE_STYLE,
}
"""How a terminal shows them."""
