"""A few random sequences of faults; `python -m bench sequences` runs two hundred."""

import pytest

from tests.kit.fault_sequences import fault_sequences

pytestmark = pytest.mark.slow

SEEDS = (5, 16)
"""Seed 5 takes the forwarding away on two levels, seed 16 leaves two of three lines bad."""


def test_after_each_sequence_of_faults_all_holds_again() -> None:
    with fault_sequences() as played:
        for seed in SEEDS:
            outcome = played.run_sequence(seed)
            print(outcome)
            assert not outcome.violation, f"{outcome.steps}: {outcome.violation}"
            assert outcome.descriptors < 30
