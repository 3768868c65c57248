"""When is silence death? Two thresholds, each of a time and of evidence.

Suspect: silent for about 300 ms. New flows go elsewhere while another uplink is fit; when that was
wrong, it cost nothing. Dead: silent for `down_after`, on every target. Living flows are moved.

The time alone would not do: at 10 % loss each way four probes in a row are lost once in 770 times.
So the probes lost in a row must also be fewer than one in a million by the line's usual loss: 4 on
a clean line, 9 at 19 %, 21 at half. Probes are sent quicker while an answer is missing (25 ms
instead of 200), so that the evidence is there when the time is over: in 800 ms some twenty probes,
and 0.19^20 is 4e-15. And each probe may take what its target's round trip and its variation demand
before it counts, so that a satellite's 600 ms need no other setting.

And it must be silence for everybody: while replies to the clients' connections keep coming by the
line, its targets are dead and not the line. It stays suspect, and living flows stay where they are.

Where the evidence stays thin for four times `down_after` (nearly nothing came back before either),
the time decides alone.
"""

from dataclasses import replace
from math import ceil, log
from typing import Final

from lbrouter.compile.health.damping import Strikes, patience, strike
from lbrouter.compile.health.uplink_memory import Line, counted, shaded
from lbrouter.model.health import UplinkState

SUSPECT_S: Final = 0.3
CHANCE: Final = 1e-6
LEVELS: Final = (0.02, 0.8)
"""Bounds of the usual loss in this arithmetic."""
ANYWAY: Final = 4
OWN_QUEUE: Final = 2
"""Times are longer by this while our own queue is full: answers wait there."""


def silence(line: Line, at: float) -> Line:
    """The line with its silence judged: trusted, suspect or dead."""
    if not line.heard:
        return line
    if _dead(line, at):
        return replace(line, heard=False, suspect=False)
    if _suspect(line, at) and not line.suspect:
        return replace(line, suspect=True, suspicions=_suspicions(line, at))
    if line.suspect and not _suspect(line, at):
        return replace(line, suspect=False, trusted_at=at + hold_s(line, at))
    return line


def hold_s(line: Line, at: float) -> float:
    """How long an uplink stays suspect after it answered again: 1 s, doubled by each suspicion."""
    return patience(1.0, line.suspicions, at)


def _suspicions(line: Line, at: float) -> Strikes:
    """One more, unless the uplink is out of use: then it costs it its proof, and that is enough."""
    used = line.state in (UplinkState.UP, UplinkState.DEGRADED)
    return strike(line.suspicions, at) if used else line.suspicions


def needed(level: float) -> int:
    """Lost probes in a row that chance explains less than once in a million times."""
    low, high = LEVELS
    return ceil(log(CHANCE) / log(min(max(level, low), high)))


def suspect_after_s(line: Line, at: float) -> float:
    """Silence that makes suspect."""
    return SUSPECT_S * (OWN_QUEUE if shaded(line, at) else 1)


def down_after_s(line: Line, at: float) -> float:
    """Silence that means down."""
    return line.settings.down_after_s * (OWN_QUEUE if shaded(line, at) else 1)


def _dead(line: Line, at: float) -> bool:
    limit_s = down_after_s(line, at)
    quiet_s = at - line.quiet_from
    if quiet_s < limit_s or not _everywhere(line) or at < line.replied_at + limit_s:
        return False
    return line.run >= needed(line.level) or quiet_s >= ANYWAY * limit_s


def _suspect(line: Line, at: float) -> bool:
    return at - line.quiet_from >= suspect_after_s(line, at) and line.run >= needed(line.level)


def _everywhere(line: Line) -> bool:
    """Whether every target that speaks for the line was asked in vain since the last answer."""
    asked = counted(line).values()
    return line.run > 0 and all(seen.missed_at >= line.quiet_from for seen in asked)
