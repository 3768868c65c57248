"""Rows of the benchmark's table, and how a list of samples becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `promise` is what the project claims, `seen` the result.

    `samples` are the single measurements, where there are any, for the JSON.
    """

    what: str
    promise: str
    seen: str
    runs: int
    samples: tuple[float, ...] = ()


def spread_text(samples: Sequence[float], *, unit: str, digits: int = 2) -> str:
    """Median, then the smallest and the largest: "0.31 s (0.29 to 0.40)"."""
    low, high = min(samples), max(samples)
    return f"{median(samples):.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})"


def timing_row(
    what: str, promise: str, samples: Sequence[float], *, unit: str, digits: int
) -> Figure:
    """A row of measurements with median, p95 and range: "31 ms, p95 40 (29 to 44)"."""
    if not samples:
        return Figure(what=what, promise=promise, seen="not seen", runs=0)
    seen = (
        f"{median(samples):.{digits}f} {unit}, p95 {p95(samples):.{digits}f} "
        f"({min(samples):.{digits}f} to {max(samples):.{digits}f})"
    )
    return Figure(what=what, promise=promise, seen=seen, runs=len(samples), samples=tuple(samples))


def count_row(what: str, promise: str, count: int, *, of: str, runs: int) -> Figure:
    """A row for what must not happen: "0 of 400 flows"."""
    return Figure(
        what=what, promise=promise, seen=f"{count} {of}", runs=runs, samples=(float(count),)
    )


def p95(samples: Sequence[float]) -> float:
    """The smallest sample that 95 % of all do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def ratio_text(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Median of the ratios of pairs that were measured one after the other, with their range."""
    pairs = [one / other for one, other in zip(ours, theirs, strict=True)]
    return f"{median(pairs):.3f} ({min(pairs):.3f} to {max(pairs):.3f})"
