"""Rows of the benchmark's table, and how a list of samples becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `promise` is what the project says, `seen` what came out."""

    what: str
    promise: str
    seen: str
    runs: int


def spread(samples: Sequence[float], *, unit: str, digits: int = 2) -> str:
    """Median, then the smallest and the largest: "0.31 s (0.29 to 0.40)"."""
    low, high = min(samples), max(samples)
    return f"{median(samples):.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Median of the ratios of pairs that were measured one after the other, with their range."""
    pairs = [one / other for one, other in zip(ours, theirs, strict=True)]
    return f"{median(pairs):.3f} ({min(pairs):.3f} to {max(pairs):.3f})"
