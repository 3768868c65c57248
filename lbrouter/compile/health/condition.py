"""What is found of a line at a moment, and the state that follows."""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.damping import LAST_LINE_S, kept, patience, strike
from lbrouter.compile.health.silence import silence
from lbrouter.compile.health.tolerance import tolerance
from lbrouter.compile.health.transitions import TABLE, Finding
from lbrouter.compile.health.uplink_memory import Line, Seen
from lbrouter.model.health import UplinkState

PAGES_REPLACED: Final = 2
"""Pages in a row that are not the target's own, before it is called a portal."""

IN_USE: Final = (UplinkState.UP, UplinkState.DEGRADED)


def settled(line: Line, at: float, *, lonely: bool) -> Line:
    """The line after everything that time and evidence say by now.

    `lonely`: some policy has no other usable uplink, so that this one is taken back at once.
    """
    line = tolerance(silence(line, at), at)
    if faulty(line):
        line = replace(line, fault_at=at)
    if line.state not in IN_USE:
        line = replace(line, flaps=kept(line.flaps, at))
    after = TABLE[line.state, finding(line, at, lonely=lonely)]
    if after is line.state:
        return line
    return _moved(line, after, at)


def _moved(line: Line, after: UplinkState, at: float) -> Line:
    """The line in its new state. Leaving use by a fault is a flap: the next return pays for it."""
    fell = line.state in IN_USE and after in (UplinkState.DOWN, UplinkState.WAITING)
    flaps = strike(line.flaps, at) if fell else line.flaps
    return replace(line, state=after, since=at, flaps=flaps)


def faulty(line: Line) -> bool:
    """Whether something stands that no clean time can begin with."""
    return line.suspect or not alive(line)


def alive(line: Line) -> bool:
    """Carrier, address, and a sign of life since the last fault."""
    return line.carrier and line.addressed and line.heard


def finding(line: Line, at: float, *, lonely: bool) -> Finding:
    """The strongest thing that stands."""
    if line.drained:
        return Finding.HELD
    if not line.carrier:
        return Finding.UNPLUGGED
    if not line.addressed:
        return Finding.UNADDRESSED
    if not line.heard:
        return Finding.SILENT
    unfit = suspected(line, at) or portal(line) is not None or bool(left(line))
    if at >= line.fault_at + proof_s(line, at, lonely=lonely):
        return Finding.UNFIT if unfit else Finding.FIT
    return Finding.SHAKY_UNFIT if unfit else Finding.SHAKY


def proof_s(line: Line, at: float, *, lonely: bool) -> float:
    """How long the line must be clean before new flows return."""
    needed = patience(line.settings.up_after_s, line.flaps, at)
    return min(needed, LAST_LINE_S) if lonely else needed


def suspected(line: Line, at: float) -> bool:
    """Whether new flows should rather go elsewhere: silent right now, or a moment ago."""
    return line.suspect or at < line.trusted_at


def left(line: Line) -> frozenset[str]:
    """Policies whose own tolerance the line exceeds."""
    limits = zip(line.settings.limits, line.standings, strict=True)
    return frozenset(each.policy for each, standing in limits if standing.out is not None)


def portal(line: Line) -> str | None:
    """The target whose page a captive portal replaces; None where another page is right."""
    caught = [t for t, seen in line.seen.items() if seen.portal >= PAGES_REPLACED]
    if not caught or any(_right(t, seen) for t, seen in line.seen.items()):
        return None
    return caught[0]


def _right(target: str, seen: Seen) -> bool:
    """Whether a target shows a page, and its own."""
    return (
        target.startswith("http") and seen.srtt_s is not None and not (seen.portal or seen.missed)
    )
