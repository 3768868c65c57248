"""Random evenings over three uplinks of which two have both families: the invariants must hold."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from tests.kit.evenings import EveningResult, evenings

NAME = "random evenings (verbs, faults, families, restarts, edits) over 3 uplinks"

ONE_LIFE_SHARE = 15
"""Of so many evenings one more is played in which nothing ends the daemon."""


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.count` evenings from the seed `options.seed` on, then some in one life of a daemon.

    A venue serves many; after one that broke an invariant the next begins in a new one, so that a
    fault is not counted twice.
    """
    first = options.seed
    venues = list(_play(options, range(first, first + options.count), one_life=False))
    found = [each for venue in venues for each in venue]
    yield from _rows(found)
    yield from _growth_rows("the evenings of one venue", max(venues, key=len))
    more = options.count // ONE_LIFE_SHARE
    if more > 1:
        seeds = range(first + options.count, first + options.count + more)
        living = list(_play(options, seeds, one_life=True))
        wrong = [each for venue in living for each in venue if each.violation]
        words = f"of {more} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
        name = f"{NAME}, in one life of the daemon"
        yield count_row(f"{name}: an invariant broken", "0", len(wrong), of=words, runs=more)
        yield from _growth_rows("the evenings of one life of the daemon", max(living, key=len))


def _play(
    options: BenchOptions, seeds: Iterable[int], *, one_life: bool
) -> Iterator[list[EveningResult]]:
    """The results of each venue."""
    left = list(seeds)
    count = len(left)
    while left:
        found: list[EveningResult] = []
        with evenings(one_life=one_life) as played:
            while left and not (found and found[-1].violation):
                found.append(played.run_evening(left.pop(0)))
                options.log_progress(f"evenings: {count - len(left)} of {count}: {found[-1]}")
        if found[-1].violation:
            sys.stderr.write(_text(found[-1]))
        yield found


def _text(result: EveningResult) -> str:
    steps = "".join(f"\n  {each}" for each in result.steps)
    told = "".join(f"\n    {each}" for each in result.timeline)
    replay = f"python -m bench evenings --count 1 --seed {result.seed}"
    return f"seed {result.seed}: {result.violation}{steps}\n  told:{told}\n  replay: {replay}\n"


def _rows(found: list[EveningResult]) -> Iterator[Figure]:
    wrong = [each for each in found if each.violation]
    words = f"of {len(found)} (seeds {', '.join(str(each.seed) for each in wrong) or 'none'})"
    yield count_row(f"{NAME}: an invariant broken", "0", len(wrong), of=words, runs=len(found))
    damped = sum(each.damped for each in found)
    what = f"{NAME}: memory of faults taken from the daemon after it"
    yield count_row(what, "", damped, of=f"of {len(found)}", runs=len(found))
    memory = [each.memory_kb / 1024 for each in found if not each.violation]
    yield timing_row(f"{NAME}: memory of the daemon", "80 MB", memory, unit="MB", digits=0)
    descriptors = [float(each.descriptors) for each in found if not each.violation]
    yield timing_row(f"{NAME}: descriptors", "", descriptors, unit="", digits=0)


def _growth_rows(which: str, found: Sequence[EveningResult]) -> Iterator[Figure]:
    """The last third against the second one: the first fills what is kept at all."""
    whole = [each for each in found if not each.violation]
    third = len(whole) // 3
    if not third:
        return
    middle, last = whole[third : 2 * third], whole[-third:]
    memory = _median(each.memory_kb for each in last) - _median(x.memory_kb for x in middle)
    name = f"{which} ({len(whole)}), the last third against the second"
    yield timing_row(f"{name}: memory", "2 MB", [memory / 1024], unit="MB", digits=1)
    descriptors = _median(x.descriptors for x in last) - _median(x.descriptors for x in middle)
    yield timing_row(f"{name}: descriptors", "0", [descriptors], unit="", digits=0)


def _median(values: Iterable[int]) -> float:
    return float(median(values))
