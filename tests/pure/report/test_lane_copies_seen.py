"""Loss, delay and drops of a lane's copies, from echoes and counters."""

import pytest

from lbrouter.compile.report.lane_copies_seen import COPY_SAMPLES_KEPT, CopySamples, QueueCounters


def samples_of(*echoes: float | None) -> CopySamples:
    found = CopySamples()
    for each in echoes:
        found = found.with_echo(each)
    return found


@pytest.mark.parametrize(
    "echoes, loss, rtt",
    [
        ((), None, None),
        ((0.02, 0.02, 0.02, 0.02), None, 20.0),
        ((0.02, 0.03, None, 0.05, 0.021), 20.0, 25.5),
        ((None,) * 5, 100.0, None),
        ((None,) * 10 + (0.04,) * COPY_SAMPLES_KEPT, 0.0, 40.0),
    ],
)
def test_loss_and_round_trip_are_those_of_the_last_half_minute(
    echoes: tuple[float | None, ...], loss: float | None, rtt: float | None
) -> None:
    found = samples_of(*echoes)
    assert (found.loss_percent, found.rtt_ms) == (loss, rtt)


def counted(*readings: tuple[int, int] | None) -> float | None:
    found = CopySamples()
    for each in readings:
        counters = None if each is None else QueueCounters(sent=each[0], dropped=each[1])
        found = found.with_counters(counters)
    return found.dropped_percent


@pytest.mark.parametrize(
    "readings, dropped",
    [
        ((), None),
        (((5, 0),), None),
        (((5, 0), (5, 0)), 0.0),
        (((100, 10), (150, 10), (190, 20)), 10.0),
        (((100, 10), (10, 0), (20, 0)), 0.0),
        (((100, 10), (110, 0), (120, 0)), 0.0),
        (((100, 10), (110, 10), None), None),
        (((0, 50), *(((0, 100)),) * (COPY_SAMPLES_KEPT + 1)), 0.0),
    ],
)
def test_drops_are_counted_since_half_a_minute_and_never_over_a_new_queue(
    readings: tuple[tuple[int, int] | None, ...], dropped: float | None
) -> None:
    assert counted(*readings) == dropped
