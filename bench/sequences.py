"""Random sequences of faults over three uplinks: after each the invariants must hold."""

import sys
from collections.abc import Iterator, Sequence

from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from tests.kit.fault_sequences import SequenceResult, fault_sequences


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.count` sequences from the seed `options.seed` on, in one venue."""
    found: list[SequenceResult] = []
    with fault_sequences() as sequences:
        for seed in range(options.seed, options.seed + options.count):
            found.append(sequences.run_sequence(seed))
            options.log_progress(f"sequences: {len(found)} of {options.count}: {found[-1]}")
            if found[-1].violation:
                sys.stderr.write(f"seed {seed}: {found[-1].violation}: {found[-1].steps}\n")
        damped = sequences.damped_count
        outages = list(sequences.run_outages(max(4, options.count // 2)))
    wrong = [each for each in found if each.violation]
    words = f"of {len(found)} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
    name = "random fault sequences over 3 uplinks"
    yield count_row(f"{name}: an invariant broken", "0", len(wrong), of=words, runs=len(found))
    settled = [each.settled_s for each in found if each.settled_s is not None]
    yield timing_row(f"{name}: until all held", "", settled, unit="s", digits=1)
    words = f"of {len(found)}"
    what = f"{name}: memory of faults taken from the daemon between two"
    yield count_row(what, "", damped, of=words, runs=len(found))
    yield from _memory_growth_rows(outages)


def _memory_growth_rows(outages: Sequence[tuple[int, int]]) -> Iterator[Figure]:
    """What one daemon held in memory and in descriptors, round after round."""
    memory = [kb / 1024 for kb, _ in outages]
    descriptors = [float(count) for _, count in outages]
    name = f"{len(outages)} outages and repairs in one life of the daemon"
    yield timing_row(f"{name}: memory", "60 MB", memory, unit="MB", digits=0)
    late = memory[len(memory) // 2 :]
    yield timing_row(f"{name}: growth in the second half", "0", [late[-1] - late[0]], unit="MB",
                digits=1)  # fmt: skip
    yield timing_row(f"{name}: descriptors", "", descriptors, unit="", digits=0)
