"""How long each state lasted within a span of time, from events that tell when it changed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from math import ceil

StateSpan = tuple[datetime, datetime, str]
"""From, to, the state."""


def state_spans(
    changes: Iterable[tuple[datetime, str]], begin: datetime, end: datetime, *, unknown: str
) -> list[StateSpan]:
    """The states from `begin` to `end`, one after the other, without a gap.

    `changes` are oldest first; before the first of them the state is `unknown`.
    """
    return [span for span in _spans(changes, begin, end, unknown) if span[0] < span[1]]


def _spans(
    changes: Iterable[tuple[datetime, str]], begin: datetime, end: datetime, unknown: str
) -> Iterator[StateSpan]:
    since, state = begin, unknown
    for at, after in changes:
        moment = min(max(at, begin), end)
        yield since, moment, state
        since, state = moment, after
    yield since, end, state


def seconds_in(spans: Iterable[StateSpan], state: str) -> float:
    """How long `state` lasted."""
    return sum((to - since).total_seconds() for since, to, found in spans if found == state)


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The value below which `percent` of them lie (nearest rank); None of none."""
    found = sorted(values)
    if not found:
        return None
    place = ceil(percent * len(found) / 100)
    return found[max(place, 1) - 1]
