"""A few random evenings; `python -m bench evenings` runs three hundred."""

import pytest

from tests.kit.evenings import evenings

pytestmark = pytest.mark.slow

SEEDS = (0, 2)


def test_after_each_step_of_an_evening_all_are_served() -> None:
    with evenings() as played:
        for seed in SEEDS:
            outcome = played.run_evening(seed)
            print(outcome)
            assert not outcome.violation, f"{outcome.steps}: {outcome.violation}"
            assert outcome.descriptors < 30
