"""What a delay of this process excuses, and for how long: starved of CPU, or a paused machine.

A probe that was out is no worse for it: the kernel has received its answer meanwhile, with the time
of its arrival, and the socket is read before anything is judged. So it counts, answered or lost.
What is excused is the time in which nothing was sent, since nobody could have answered.

That is bounded, or a machine that is starved a quarter of a second at a time would never find a
line dead: the suspicion, which costs nothing when it is wrong, is put off by `SUSPECT_AFTER_S` at
most, the end of a line by `down_after` or by the longest single delay (`silence`).

A pause of many seconds is a suspended machine: what was sent to it meanwhile was lost.
"""

from dataclasses import replace
from typing import Final

from lbrouter.compile.health.uplink_memory import OutstandingProbe, UplinkMemory, with_silence_from

SUSPENDED_S: Final = 10.0
"""A delay of this length is that of a machine that was suspended, not of one that is busy."""

READ_TIME_S: Final = 0.05
"""After a delay, for reading the answers that wait in the sockets."""

EXCHANGE_TIME_S: Final = 1.0
"""After a delay, for a page: part of the exchange is our own doing."""


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
