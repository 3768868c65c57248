"""Random sequences of faults over three uplinks: after each the invariants must hold."""

import sys
from collections.abc import Iterator, Sequence

from bench.figures import Figure, counted, timed
from bench.options import Options
from tests.kit.fault_sequences import Outcome, sequences


def measure(options: Options) -> Iterator[Figure]:
    """`options.count` sequences from the seed `options.seed` on, in one venue."""
    found: list[Outcome] = []
    with sequences() as played:
        for seed in range(options.seed, options.seed + options.count):
            found.append(played.play(seed))
            options.say(f"sequences: {len(found)} of {options.count}: {found[-1]}")
            if found[-1].wrong:
                sys.stderr.write(f"seed {seed}: {found[-1].wrong}: {found[-1].steps}\n")
        damped = played.damped
        lived = list(played.endure(max(4, options.count // 2)))
    wrong = [each for each in found if each.wrong]
    words = f"of {len(found)} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
    name = "random fault sequences over 3 uplinks"
    yield counted(f"{name}: an invariant broken", "0", len(wrong), of=words, runs=len(found))
    settled = [each.settled_s for each in found if each.settled_s is not None]
    yield timed(f"{name}: until all held", "", settled, unit="s", digits=1)
    words = f"of {len(found)}"
    what = f"{name}: memory of faults taken from the daemon between two"
    yield counted(what, "", damped, of=words, runs=len(found))
    yield from _flat(lived)


def _flat(lived: Sequence[tuple[int, int]]) -> Iterator[Figure]:
    """What one daemon held in memory and in descriptors, round after round."""
    memory = [kb / 1024 for kb, _ in lived]
    descriptors = [float(count) for _, count in lived]
    name = f"{len(lived)} outages and repairs in one life of the daemon"
    yield timed(f"{name}: memory", "60 MB", memory, unit="MB", digits=0)
    late = memory[len(memory) // 2 :]
    yield timed(f"{name}: growth in the second half", "0", [late[-1] - late[0]], unit="MB",
                digits=1)  # fmt: skip
    yield timed(f"{name}: descriptors", "", descriptors, unit="", digits=0)
