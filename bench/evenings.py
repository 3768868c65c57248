"""Random evenings over three uplinks of which two have both families: the invariants must hold."""

import sys
from collections.abc import Iterator

from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from tests.kit.evenings import EveningResult, evenings


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.count` evenings from the seed `options.seed` on.

    A venue serves many; after one that broke an invariant the next begins in a new one, so that a
    fault is not counted twice.
    """
    found: list[EveningResult] = []
    left = list(range(options.seed, options.seed + options.count))
    while left:
        with evenings() as played:
            while left:
                found.append(played.run_evening(left.pop(0)))
                options.log_progress(f"evenings: {len(found)} of {options.count}: {found[-1]}")
                if found[-1].violation:
                    sys.stderr.write(_text(found[-1]))
                    break
    yield from _rows(found)


def _text(result: EveningResult) -> str:
    steps = "".join(f"\n  {each}" for each in result.steps)
    replay = f"python -m bench evenings --count 1 --seed {result.seed}"
    return f"seed {result.seed}: {result.violation}{steps}\n  replay: {replay}\n"


def _rows(found: list[EveningResult]) -> Iterator[Figure]:
    name = "random evenings (verbs, faults, families, restarts, edits) over 3 uplinks"
    wrong = [each for each in found if each.violation]
    words = f"of {len(found)} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
    yield count_row(f"{name}: an invariant broken", "0", len(wrong), of=words, runs=len(found))
    damped = sum(each.damped for each in found)
    what = f"{name}: memory of faults taken from the daemon after it"
    yield count_row(what, "", damped, of=f"of {len(found)}", runs=len(found))
    memory = [each.memory_kb / 1024 for each in found if not each.violation]
    yield timing_row(f"{name}: memory of the daemon", "80 MB", memory, unit="MB", digits=0)
    descriptors = [float(each.descriptors) for each in found if not each.violation]
    yield timing_row(f"{name}: descriptors", "", descriptors, unit="", digits=0)
