"""What streams' records say of a line must not depend on when their programs got the processor."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.rehearsal.analysis.stream_records import bytes_until, datagram_gap_ms
from lbrouter.rehearsal.lab.process import JsonRow

RATE_BYTES_PER_S = 1_000_000
INTERVAL_S = 0.02
SENT = [number * INTERVAL_S for number in range(500)]
"""Ten seconds of a stream of datagrams."""


def datagrams(lost: set[int], sent: list[float] = SENT) -> JsonRow:
    return {"sent": sent, "numbers": [n for n in range(len(sent)) if n not in lost]}


@given(
    readings=st.lists(st.floats(0.0, 10.0), min_size=2, unique_by=lambda at: round(at, 3)),
    begin=st.floats(0.0, 1.0),
    end=st.floats(0.0, 1.0),
)
def test_a_steady_stream_has_its_rate_however_late_it_is_read(
    readings: list[float], begin: float, end: float
) -> None:
    """Between the first and the last reading, wherever the window lies."""
    times = sorted(readings)
    sizes = [0.0, *(RATE_BYTES_PER_S * (b - a) for a, b in itertools.pairwise(times))]
    row: JsonRow = {"times": times, "sizes": sizes}
    first, last = (times[0] + share * (times[-1] - times[0]) for share in (begin, end))
    came = bytes_until(row, last) - bytes_until(row, first)
    assert came == pytest.approx(RATE_BYTES_PER_S * (last - first), abs=1)


def test_nothing_has_come_before_the_first_reading_and_nothing_comes_after_the_last() -> None:
    row: JsonRow = {"times": [1.0, 2.0], "sizes": [100, 300]}
    assert [bytes_until(row, moment) for moment in (0.5, 1.0, 1.5, 2.0, 9.0)] == [
        0, 100, 250, 400, 400,
    ]  # fmt: skip
    assert bytes_until({"times": [], "sizes": []}, 1.0) == 0


@given(st.dictionaries(st.integers(0, len(SENT) - 1), st.floats(0.0, 3.0)))
def test_a_sender_that_waits_for_the_processor_makes_no_gap(stalls: dict[int, float]) -> None:
    """From a number on, nothing is sent for so long; then all that is due comes at once."""
    late = list(itertools.accumulate((at + stalls.get(n, 0) for n, at in enumerate(SENT)), max))
    assert datagram_gap_ms(datagrams(set(), late), 2.0, 9.0, still_coming_s=0.8) == 0


@given(first=st.integers(101, 300), count=st.integers(1, 100))
def test_a_gap_is_as_long_as_what_was_lost(first: int, count: int) -> None:
    lost = set(range(first, first + count))
    gap = datagram_gap_ms(datagrams(lost), 2.0, 9.0, still_coming_s=0.8)
    assert gap == pytest.approx((count + 1) * INTERVAL_S * 1000)


def test_a_stream_that_stays_dead_has_an_endless_gap() -> None:
    assert math.isinf(datagram_gap_ms(datagrams(set(range(200, 500))), 2.0, 9.0, still_coming_s=1))
    assert math.isinf(datagram_gap_ms(datagrams(set(range(50, 500))), 2.0, 9.0, still_coming_s=1))
    assert math.isinf(datagram_gap_ms(datagrams(set(SENT)), 11.0, 12.0, still_coming_s=1))
    assert math.isinf(datagram_gap_ms({"sent": SENT, "numbers": []}, 2.0, 9.0, still_coming_s=1))


def test_what_is_still_on_its_way_at_the_end_is_no_endless_gap() -> None:
    late = datagrams(set(range(425, 500)))
    assert datagram_gap_ms(late, 2.0, 9.0, still_coming_s=0.8) == pytest.approx(520)


def test_what_was_lost_before_and_after_the_fault_is_not_its_own() -> None:
    lost = {10, 11, 480, 481}
    assert datagram_gap_ms(datagrams(lost), 2.0, 9.0, still_coming_s=0.8) == 0
