"""When silence means down. Two thresholds, each of a time and of evidence.

Suspect: silent for about 300 ms. New flows go elsewhere while another uplink is fit; if that was
wrong, it cost nothing. Down: silent for `down_after`, on every target. Existing flows are moved.

The time alone is not enough: at 10 % loss each way four probes in a row are lost once in 770 times.
So the probes lost in a row must also be fewer than one in a million by the line's usual loss: 4 on
a clean line, 9 at 19 %, 21 at half. Probes are sent quicker while an answer is missing (25 ms
instead of 200), so that the evidence is there when the time is over: in 800 ms some twenty probes,
and 0.19^20 is 4e-15. And each probe may take what its target's round trip and its variation demand
before it counts, so that a satellite's 600 ms need no other setting.

And no replies may come: while replies to the clients' connections keep coming across the line, its
targets may be dead and not the line. It stays suspect, and existing flows stay where they are.

After four times `down_after` the time decides alone, where the evidence stays thin (nearly nothing
came back before either) and where replies still come: a feed that comes in says nothing of what
goes out.

And a delay of our own process (starved of CPU, or a paused machine) is no silence of a line. A
probe that was out is no worse for it: the kernel has received its answer meanwhile, with the time
of its arrival, and the socket is read before anything is judged. So it counts, answered or lost.
What is excused is the time in which nothing was sent, since nobody could have answered. That is
bounded, or a machine that is starved a quarter of a second at a time would never find a line dead:
the suspicion, which costs nothing when it is wrong, is put off by `SUSPECT_AFTER_S` at most, the
end of a line by `down_after` or by the longest single delay. A pause of many seconds is a suspended
machine: what was sent to it meanwhile was lost.
"""

from dataclasses import replace
from math import ceil, log
from typing import Final

from lbrouter.compile.health.statistics.damping import add_fault, hold_down_s
from lbrouter.compile.health.uplink_memory import (
    OutstandingProbe,
    UplinkMemory,
    counted_targets,
    is_self_congested,
    with_silence_from,
)
from lbrouter.model.health import UplinkState

SUSPECT_AFTER_S: Final = 0.3
MAX_CHANCE_OF_LOSS_RUN: Final = 1e-6
USUAL_LOSS_BOUNDS: Final = (0.02, 0.8)
"""Bounds of the usual loss in this arithmetic."""
SILENCE_TIMEOUT_FACTOR: Final = 4
SELF_CONGESTION_FACTOR: Final = 2
"""Times are longer by this while our own queue is full: answers wait there."""

SUSPENDED_S: Final = 10.0
"""A delay of this length is that of a machine that was suspended, not of one that is busy."""

READ_TIME_S: Final = 0.05
"""After a delay, for reading the answers that wait in the sockets."""

EXCHANGE_TIME_S: Final = 1.0
"""After a delay, for a page: part of the exchange is our own doing."""


def update_silence(line: UplinkMemory, at: float) -> UplinkMemory:
    """The uplink with its silence evaluated: responding, suspect or down."""
    if not line.judged:  # also: no target of its family has ever answered by any line
        # A line that was never judged: its silence becomes a verdict, unless no target
        # can tell.
        if line.follows_other_family or not _is_dead(line, at):
            return line
        return replace(line, judged=True, responding=False, suspect=False)
    if not line.responding:
        return line
    if _is_dead(line, at):
        return replace(line, responding=False, suspect=False, dead_at=at, was_late=False)
    if _becomes_suspect(line, at) and not line.suspect:
        # One more, unless the uplink is out of use: then the restarted hold-down is
        # enough.
        used = line.state in (UplinkState.UP, UplinkState.DEGRADED)
        return replace(
            line,
            suspect=True,
            suspect_penalty=add_fault(line.suspect_penalty, at) if used else line.suspect_penalty,
        )
    if line.suspect and not _becomes_suspect(line, at):
        return replace(line, suspect=False, suspect_until=at + suspect_hold_s(line, at))
    return line


def suspect_hold_s(line: UplinkMemory, at: float) -> float:
    """How long an uplink stays suspect after it answered again: 1 s, doubled by each suspicion."""
    return hold_down_s(1.0, line.suspect_penalty, at)


def losses_needed(usual_loss: float) -> int:
    """Lost probes in a row that chance explains less than once in a million times."""
    low, high = USUAL_LOSS_BOUNDS
    return ceil(log(MAX_CHANCE_OF_LOSS_RUN) / log(min(max(usual_loss, low), high)))


def suspect_after_s(line: UplinkMemory, at: float) -> float:
    """Seconds of silence that make an uplink suspect."""
    return SUSPECT_AFTER_S * (SELF_CONGESTION_FACTOR if is_self_congested(line, at) else 1)


def down_after_s(line: UplinkMemory, at: float) -> float:
    """Seconds of silence that mean down."""
    return line.settings.down_after_s * (
        SELF_CONGESTION_FACTOR if is_self_congested(line, at) else 1
    )


def silence_timeout_s(line: UplinkMemory) -> float:
    """Seconds of silence that mean down whatever else comes."""
    return SILENCE_TIMEOUT_FACTOR * line.settings.down_after_s


def suspect_at(line: UplinkMemory, at: float) -> float:
    """When silence makes the uplink suspect. A delay of this process puts it off, a little."""
    excused_s = min(line.unobserved_s, SUSPECT_AFTER_S)
    return line.silent_since + excused_s + suspect_after_s(line, at)


def down_at(line: UplinkMemory, at: float) -> float:
    """When silence means down, if the evidence is there."""
    return line.silent_since + _excused_s(line) + down_after_s(line, at)


def timeout_at(line: UplinkMemory) -> float:
    """When silence means down whatever else comes."""
    return line.silent_since + _excused_s(line) + silence_timeout_s(line)


def _excused_s(line: UplinkMemory) -> float:
    """The part of the silence that is the process's own: of many delays, no more than the longest
    one or `down_after`.
    """
    return min(line.unobserved_s, max(line.longest_delay_s, line.settings.down_after_s))


def _is_dead(line: UplinkMemory, at: float) -> bool:
    if at < down_at(line, at) or not _all_targets_silent(line):
        return False
    if at >= timeout_at(line):
        return True
    replies_come = at < line.last_reply_at + down_after_s(line, at)
    return not replies_come and line.consecutive_losses >= losses_needed(line.usual_loss)


def _becomes_suspect(line: UplinkMemory, at: float) -> bool:
    enough = line.consecutive_losses >= losses_needed(line.usual_loss)
    return enough and at >= suspect_at(line, at)


def _all_targets_silent(line: UplinkMemory) -> bool:
    """Whether every counted target has missed a probe since the last answer."""
    asked = counted_targets(line).values()
    return line.consecutive_losses > 0 and all(
        seen.last_miss_at >= line.silent_since for seen in asked
    )


def on_process_delay(line: UplinkMemory, at: float, by_s: float) -> UplinkMemory:
    """The line after this process was delayed by `by_s` seconds, until `at`."""
    began = at - by_s
    if by_s >= SUSPENDED_S:
        kept = tuple(p for p in line.outstanding if p.timed_out or p.due < began)
        return replace(with_silence_from(line, at), outstanding=kept, delay_ended_at=at)
    waiting = [probe.due for probe in line.outstanding if not probe.timed_out]
    unobserved_s = at - min(at, max([began, *waiting]))
    return replace(
        line,
        outstanding=tuple(_prolonged(probe, at) for probe in line.outstanding),
        unobserved_s=line.unobserved_s + unobserved_s,
        longest_delay_s=max(line.longest_delay_s, unobserved_s),
        delay_ended_at=at,
    )


def _prolonged(probe: OutstandingProbe, at: float) -> OutstandingProbe:
    """With time to read its answer. Once: after that its socket has been read."""
    if probe.timed_out or probe.prolonged:
        return probe
    more_s = EXCHANGE_TIME_S if probe.target.startswith("http") else READ_TIME_S
    return replace(probe, due=max(probe.due, at + more_s), prolonged=True)
