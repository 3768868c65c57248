"""How long an `apply` takes, seen from the shell, and a second one that changes nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.figures import Figure, spread_text
from bench.files import config_of_size
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue

APPLY_RUNS = 10


@contextmanager
def sized_venue(
    *, uplinks: int, vlans: int, rules: int = 0, shaped: bool = False
) -> Iterator[Venue]:
    """A venue for a file of that size, before `apply`."""
    text = config_of_size(uplinks=uplinks, vlans=vlans, rules=rules, shaped=shaped)
    with Venue.build(parse(text.encode(), source="bench").config) as built:
        yield built


def measure() -> Iterator[Figure]:
    """Apply, apply again, down: two uplinks and six VLANs, shaped."""
    first, second = [], []
    with sized_venue(uplinks=2, vlans=6, shaped=True) as built:
        for _ in range(APPLY_RUNS):
            first.append(_timed(built, "apply"))
            second.append(_timed(built, "apply"))
            _timed(built, "down")
    what = "of 2 uplinks and 6 VLANs, wall time"
    yield Figure(
        what=f"apply {what}",
        promise="under 0.6 s",
        seen=spread_text(first, unit="s"),
        runs=APPLY_RUNS,
    )
    yield Figure(
        what=f"second apply {what}", promise="", seen=spread_text(second, unit="s"), runs=APPLY_RUNS
    )


def _timed(built: Venue, verb: str) -> float:
    began = time.monotonic()
    done = built.gateway.run_lbrouter(verb)
    took = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{verb} exited with {done.returncode}: {done.stderr}")
    return took
