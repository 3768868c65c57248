"""What a stream's own records say of its line, however busy the machine was. Pure.

A program that waits for the processor reads late and sends late. So arrivals are told apart by
their numbers where they have numbers, and what is read at once has come since the reading before.
"""

import itertools
import math
from bisect import bisect_right

from lbrouter.rehearsal.lab.process import JsonRow


def bytes_until(row: JsonRow, moment: float) -> float:
    """Bytes of a stream that had come at a moment: between two readings, evenly."""
    times, sizes = row["times"], row["sizes"]
    place = bisect_right(times, moment)
    read: float = sum(sizes[:place])
    if place in (0, len(times)):
        return read
    before, after = times[place - 1], times[place]
    share: float = (moment - before) / (after - before)
    rest: float = share * sizes[place]
    return read + rest


def datagram_gap_ms(row: JsonRow, begin: float, end: float, *, still_coming_s: float) -> float:
    """The longest time between two datagrams that came, with lost ones between them.

    By the moments at which they were sent; only what overlaps `begin` to `end`. 0 if none was lost,
    infinity if all after the last that came are lost, unless that is no longer than
    `still_coming_s`.
    """
    sent: list[float] = row["sent"]
    came = sorted({number for number in row["numbers"] if number < len(sent)})
    if not came or sent[came[-1]] < begin:
        return math.inf
    gaps = [
        sent[after] - sent[before]
        for before, after in itertools.pairwise(came)
        if after > before + 1 and sent[after] > begin and sent[before] < end
    ]
    silent = end - sent[came[-1]]
    if silent > 0 and any(at < end for at in sent[came[-1] + 1 :]):
        gaps.append(silent if silent <= still_coming_s else math.inf)
    return max(gaps, default=0.0) * 1000
