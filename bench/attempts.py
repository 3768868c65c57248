"""Many runs of one thing: one that fails is reported and left out; the others still count."""

import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

from bench.options import BenchOptions
from lbrouter.model.errors import LbrouterError

SampleT = TypeVar("SampleT")

RETRIABLE_ERRORS = (
    AssertionError,
    LbrouterError,
    OSError,
    RuntimeError,
    subprocess.SubprocessError,
)

SHOWN_CHARS = 200
"""A result in the progress: a trace of thousands of packets is not for reading."""

MAX_FAILED_RUNS = 3
"""Failures of the same thing after which it is not tried again."""


def repeat_runs(
    options: BenchOptions, name: str, run_once: Callable[[], SampleT], *, count: int | None = None
) -> list[SampleT]:
    """`count` runs (`options.runs` where it is not given); what those that worked returned."""
    count = options.runs if count is None else count
    found: list[SampleT] = []
    failed = 0
    for number in range(1, count + 1):
        if failed == MAX_FAILED_RUNS:
            break
        try:
            found.append(run_once())
            options.log_progress(f"{name}: {number} of {count}: {str(found[-1])[:SHOWN_CHARS]}")
        except RETRIABLE_ERRORS as error:
            failed += 1
            options.log_progress(f"{name}: {number} of {count} failed: {error}")
            sys.stderr.write(f"{name}: run {number} failed: {error}\n")
    return found
