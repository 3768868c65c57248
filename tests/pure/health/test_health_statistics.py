"""The arithmetic of the verdicts: the sequential test, windows, hold-down, consecutive losses."""

from math import exp, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.health.silence import losses_needed
from lbrouter.compile.health.statistics.damping import (
    FAULT_DECAY_S,
    MAX_HOLD_DOWN_S,
    NO_PENALTY,
    add_fault,
    freeze_decay,
    hold_down_s,
    remembered_faults,
)
from lbrouter.compile.health.statistics.loss_test import (
    LOSS_EVIDENCE_THRESHOLD,
    QUICK_TEST_MARGIN,
    THOROUGH_TEST_MARGIN,
    LossEvidence,
    add_probes,
    log_likelihood_ratios,
)
from lbrouter.compile.health.statistics.windows import (
    MAX_BUCKETS,
    ProbeWindow,
    add_to_window,
    window_totals,
)


def false_alarms(rng: Random, loss: float, tolerated: float, hours: int) -> tuple[int, int]:
    """Alarms in so many hours, and the probes sent: fifteen a second, eighty while in doubt."""
    evidence, alarms, probes, seconds = LossEvidence(), 0, 0, 0.0
    while seconds < 3600 * hours:
        seconds += 0.0125 if evidence.quick else 0.2 / 3
        probes += 1
        if rng.random() < loss:
            evidence = add_probes(evidence, tolerated, lost=1)
        elif evidence.quick or evidence.thorough:
            evidence = add_probes(evidence, tolerated, answered=1)
        if evidence.is_conclusive:
            alarms, evidence = alarms + 1, LossEvidence()
    return alarms, probes


@pytest.mark.parametrize("seed, loss", [(1, 0.01), (2, 0.0199)])
def test_no_false_alarm_in_ten_hours_at_one_percent_each_way_or_in_all(
    seed: int, loss: float
) -> None:
    alarms, probes = false_alarms(Random(seed), loss, 0.02, 10)
    assert alarms == 0
    assert 540_000 <= probes <= 830_000


def test_the_bound_of_the_docstring_is_what_its_numbers_give() -> None:
    quick, thorough = (
        log_likelihood_ratios(0.02, QUICK_TEST_MARGIN),
        log_likelihood_ratios(0.02, THOROUGH_TEST_MARGIN),
    )
    assert exp(quick.lost) == pytest.approx(5.9, abs=0.1)
    assert exp(thorough.lost) == pytest.approx(2.5, abs=0.1)
    bound = 830_000 * 0.02 * (exp(quick.lost) + exp(thorough.lost)) * exp(-LOSS_EVIDENCE_THRESHOLD)
    assert bound < 0.017


@pytest.mark.parametrize("tolerated", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("worse", [QUICK_TEST_MARGIN, THOROUGH_TEST_MARGIN])
def test_the_likelihood_ratio_is_a_martingale_at_the_limit(tolerated: float, worse: float) -> None:
    each, p0 = log_likelihood_ratios(tolerated, worse), max(tolerated, 0.005)
    assert p0 * exp(each.lost) + (1 - p0) * exp(each.answered) == pytest.approx(1)


def test_the_delay_of_the_docstring() -> None:
    each = log_likelihood_ratios(0.02, QUICK_TEST_MARGIN)
    drift = 0.19 * each.lost + 0.81 * each.answered
    assert (LOSS_EVIDENCE_THRESHOLD - each.lost) / drift == pytest.approx(56, abs=1)
    assert 0.19 * log(0.19 / 0.02) + 0.81 * log(0.81 / 0.98) == pytest.approx(0.27, abs=0.01)


def test_a_small_excess_is_found_in_the_end() -> None:
    evidence, rng, probes = LossEvidence(), Random(1), 0
    while not evidence.is_conclusive:
        probes += 1
        lost = rng.random() < 0.06
        evidence = add_probes(evidence, 0.02, lost=int(lost), answered=int(not lost))
    assert probes < 3000


def test_what_was_added_can_be_taken_back() -> None:
    once = add_probes(LossEvidence(quick=5.0, thorough=5.0), 0.02, lost=2)
    back = add_probes(once, 0.02, lost=-2)
    assert (back.quick, back.thorough) == (pytest.approx(5), pytest.approx(5))


@given(st.floats(0.0, 0.94), st.integers(-300, 300), st.integers(-300, 300))
def test_sums_stay_within_their_bounds(tolerated: float, lost: int, answered: int) -> None:
    after = add_probes(
        LossEvidence(quick=3.0, thorough=1.0), tolerated, lost=lost, answered=answered
    )
    assert 0 <= after.quick <= 2 * LOSS_EVIDENCE_THRESHOLD
    assert 0 <= after.thorough <= 2 * LOSS_EVIDENCE_THRESHOLD


@pytest.mark.parametrize(
    "level, probes", [(0.0, 4), (0.02, 4), (0.19, 9), (0.5, 20), (0.9, 62), (1.0, 62)]
)
def test_probes_in_a_row_that_chance_does_not_explain(level: float, probes: int) -> None:
    assert losses_needed(level) == probes


def test_windows_count_by_the_moment_of_sending() -> None:
    window = ProbeWindow()
    for at in (10.0, 10.6, 12.0):
        window = add_to_window(window, at, answered=1, rtt_s=0.1, rtt_change_s=0.01)
    window = add_to_window(window, 10.7, lost=1)
    window = add_to_window(window, 9.0, lost=1)
    assert [bucket.slot for bucket in window.buckets] == [18, 20, 21, 24]
    five = window_totals([window, window], 12.1, 5.0)
    assert (five.answered, five.lost, five.probes) == (6, 4, 10)
    assert (five.loss, five.mean_rtt_s, five.jitter_s) == (
        0.4, pytest.approx(0.1), pytest.approx(0.01),
    )  # fmt: skip
    one = window_totals([window], 12.1, 1.0)
    assert (one.answered, one.lost) == (1, 0)
    empty = window_totals([window], 100.0, 30.0)
    assert (empty.loss, empty.mean_rtt_s, empty.jitter_s) == (None, None, None)


def test_a_loss_that_is_taken_back_twice_is_not_negative() -> None:
    window = add_to_window(add_to_window(ProbeWindow(), 1.0, lost=1), 1.0, lost=-1)
    assert add_to_window(window, 1.0, lost=-1).buckets[0].lost == 0


@given(st.lists(st.floats(0, 1e6), max_size=200))
def test_windows_are_bounded_and_in_order(moments: list[float]) -> None:
    window = ProbeWindow()
    for at in moments:
        window = add_to_window(window, at, answered=1)
    slots = [bucket.slot for bucket in window.buckets]
    assert slots == sorted(set(slots))
    assert len(slots) <= MAX_BUCKETS


def test_patience_doubles_and_is_forgotten() -> None:
    penalty, waits = NO_PENALTY, []
    for number in range(8):
        penalty = add_fault(penalty, float(number))
        waits.append(hold_down_s(10.0, penalty, float(number)))
    assert waits == [10, 20, 40, 80, 160, MAX_HOLD_DOWN_S, MAX_HOLD_DOWN_S, MAX_HOLD_DOWN_S]
    assert remembered_faults(penalty, 7 + 6 * FAULT_DECAY_S) == 2
    assert (
        remembered_faults(freeze_decay(penalty, 7 + 6 * FAULT_DECAY_S), 7 + 6 * FAULT_DECAY_S) == 8
    )
    assert hold_down_s(10.0, penalty, 7 + 20 * FAULT_DECAY_S) == 10


@pytest.mark.parametrize("base, waits", [(0.0, [0, 2, 4]), (3600.0, [3600, 3600, 3600])])
def test_patience_of_extreme_settings(base: float, waits: list[float]) -> None:
    penalty, got = NO_PENALTY, []
    for number in range(3):
        penalty = add_fault(penalty, float(number))
        got.append(hold_down_s(base, penalty, float(number)))
    assert got == waits
