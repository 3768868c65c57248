"""One row of a rehearsal: what was looked at, what was promised, what was seen."""

from dataclasses import dataclass
from enum import StrEnum


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


STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INFO: "dim"}
"""How a terminal shows them."""
