"""Random sequences of faults over three uplinks: after each the invariants must hold."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.figures import Figure, counted, timed
from bench.options import Options
from tests.topology.fault_sequences import Outcome, sequences


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
    wrong = [each for each in found if each.wrong]
    words = f"of {len(found)} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
    name = "random fault sequences over 3 uplinks"
    yield counted(f"{name}: an invariant broken", "0", len(wrong), of=words, runs=len(found))
    settled = [each.settled_s for each in found if each.settled_s is not None]
    yield timed(f"{name}: until all held", "", settled, unit="s", digits=1)
    yield counted(f"{name}: memory of faults taken from the daemon between two", "", damped,
                  of=f"of {len(found)}", runs=len(found))  # fmt: skip
    yield from _flat(name, found)


def _flat(name: str, found: Sequence[Outcome]) -> Iterator[Figure]:
    """How much each daemon grew from its second sequence to its last."""
    lives: dict[int, list[Outcome]] = defaultdict(list)
    for each in found:
        lives[each.pid].append(each)
    long = [life for life in lives.values() if len(life) > 2]
    grown = [(life[-1].memory_kb - life[1].memory_kb) / 1024 for life in long]
    more = [float(life[-1].descriptors - life[1].descriptors) for life in long]
    yield timed(f"{name}: memory of the daemon", "60 MB",
                [each.memory_kb / 1024 for each in found], unit="MB", digits=0)  # fmt: skip
    yield timed(f"{name}: growth in a life of 3 and more", "0", grown, unit="MB", digits=1)
    yield timed(f"{name}: descriptors more", "0", more, unit="", digits=0)
