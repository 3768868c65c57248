"""Black holes for large packets: what a probe of the size of the line's MTU tells.

Somewhere beyond the modem large packets are dropped and no "too big" comes back: small probes pass,
every transfer hangs. The verdict needs that packets of full size were answered before, by the same
target, and that small ones are answered meanwhile. Where none of full size ever came back, it may
be the targets' choice: then it is said, and nothing moves.
"""

from dataclasses import replace
from math import ceil, log
from typing import Final

from lbrouter.compile.health.uplink_memory import UplinkMemory, is_self_congested
from lbrouter.model.events import FullSizeProbed

FULL_SIZE_PROBE_INTERVAL_S: Final = 3.0
FULL_SIZE_DOUBT_INTERVAL_S: Final = 0.5
"""The same while the last one was missed."""
METERED_FACTOR: Final = 10
"""So many times seldomer on a line whose bytes are paid for."""
MIN_FULL_SIZE_MISSES: Final = 3
MIN_FULL_SIZE_ANSWERS: Final = 3
"""Answers in a row that end the verdict."""
MAX_CHANCE_OF_MISSES: Final = 1e-4
MAX_FULL_SIZE_COUNT: Final = 100
"""Where the counters stop."""
UNANSWERED_TO_TELL: Final = 5
"""Full-size probes without any answer, from which on it is said."""


def on_full_size_probed(line: UplinkMemory, event: FullSizeProbed, at: float) -> UplinkMemory:
    """The line after a full-size probe was answered, or was not."""
    seen = line.targets.get(event.target)
    if seen is None:
        return line
    line = replace(line, full_size_bytes=event.size_bytes)
    if event.answered:
        known = {**line.targets, event.target: replace(seen, answers_full_size=True)}
        answers = min(line.full_size_answers + 1, MAX_FULL_SIZE_COUNT)
        return replace(
            line,
            targets=known,
            full_size_misses=0,
            full_size_answers=answers,
            is_black_hole=line.is_black_hole and answers < MIN_FULL_SIZE_ANSWERS,
        )
    if line.consecutive_losses or is_self_congested(line, at):
        return line  # it says nothing of the size
    if not seen.answers_full_size and full_size_passed(line):
        return line  # the others answer such, this one does not
    misses = min(line.full_size_misses + 1, MAX_FULL_SIZE_COUNT)
    found = full_size_passed(line) and misses >= misses_needed(line.usual_loss)
    return replace(
        line,
        full_size_misses=misses,
        full_size_answers=0,
        is_black_hole=line.is_black_hole or found,
    )


def full_size_passed(line: UplinkMemory) -> bool:
    """Whether a packet of full size was ever answered by this line."""
    return any(seen.answers_full_size for seen in line.targets.values())


def misses_needed(usual_loss: float) -> int:
    """Misses in a row that the line's usual loss explains less than once in 10,000 times."""
    usual = min(max(usual_loss, 0.02), 0.8)
    return max(MIN_FULL_SIZE_MISSES, ceil(log(MAX_CHANCE_OF_MISSES) / log(usual)))


def full_size_interval_s(line: UplinkMemory) -> float:
    """Seconds from one full-size probe of the line to the next."""
    in_doubt = full_size_passed(line) and (line.full_size_misses > 0 or line.is_black_hole)
    if in_doubt:
        return FULL_SIZE_DOUBT_INTERVAL_S
    return FULL_SIZE_PROBE_INTERVAL_S * (METERED_FACTOR if line.settings.metered else 1)
