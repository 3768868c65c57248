"""How soon the next probe is due: seldom on a line that is fine, quickly while it is in doubt.

At an `interval` of 200 ms: 5 probes a second, 15 where a policy has a limit of loss, 40 while an
answer is missing, 80 while the loss is in doubt. A probe is some 100 bytes, so that is 4, 12, 32
and 64 kbit/s; the last for six seconds at once and a tenth of the time at most.

Why 15: at 10 % loss each way the first lost probe opens the doubt, and at five probes a second it
is not there for 2.8 s in one case of twenty, whatever follows. A metered line keeps to five: every
byte of it is paid for, and it is seldom the one in use.
"""

from typing import Final

from lbrouter.compile.health.condition import alive
from lbrouter.compile.health.loss_test import WEIGHED
from lbrouter.compile.health.tolerance import tested
from lbrouter.compile.health.uplink_memory import Line

WATCHED: Final = 3
MISSING: Final = 8
MISSING_FOR: Final = 8
"""Times `down_after`: a line that lives on although no target answers is not hammered for ever."""

DOUBTED: Final = 16
QUICKEST_S: Final = 0.0125

CREDIT_S: Final = 6.0
CREDIT_REFILL: Final = 0.1
"""Quick probes over mere loss: six seconds at once, and a tenth of the time in the long run."""


def pace_s(line: Line, at: float) -> float:
    """Seconds from one probe of the line to the next, as things stand at `at`."""
    interval_s = line.settings.interval_s
    if _doubted(line):
        return min(interval_s, max(interval_s / DOUBTED, QUICKEST_S))
    if (
        alive(line)
        and line.run > 0
        and at < line.quiet_from + MISSING_FOR * line.settings.down_after_s
    ):
        return min(interval_s, max(interval_s / MISSING, 2 * QUICKEST_S))
    return usual_s(line)


def usual_s(line: Line) -> float:
    """The same where nothing is in doubt."""
    interval_s = line.settings.interval_s
    watched = alive(line) and not line.settings.metered and bool(tested(line))
    return min(interval_s, max(interval_s / WATCHED, 2 * QUICKEST_S)) if watched else interval_s


def credit_s(line: Line, at: float) -> float:
    """What is left of the time for quick probes when one more is sent."""
    gap = at - line.sent_at
    if gap < 0.6 * usual_s(line):
        return max(line.credit_s - gap, 0.0)
    return min(line.credit_s + CREDIT_REFILL * gap, CREDIT_S)


def _doubted(line: Line) -> bool:
    """Whether its loss is in doubt for some policy, and quick probes may still be spent on it."""
    if line.credit_s <= 0 or not alive(line) or line.run > WEIGHED:
        return False  # a longer row is silence: it weighs no more, and is asked at its own pace
    pairs = zip(line.settings.losses, line.evidence, strict=True)
    doubted = {loss for loss, each in pairs if each.quick > 0}
    return bool(doubted and doubted & tested(line))
