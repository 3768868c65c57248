"""Many runs of one thing: one that fails is told and left out, for the others are still good."""

import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

from bench.options import Options
from lbrouter.model.errors import LbrouterError

Sample = TypeVar("Sample")

TROUBLE = (AssertionError, LbrouterError, OSError, RuntimeError, subprocess.SubprocessError)

TOO_MANY = 3
"""Failures of the same thing after which it is not tried again."""


def attempts(
    options: Options, name: str, one: Callable[[], Sample], *, count: int | None = None
) -> list[Sample]:
    """`count` runs (`options.runs` where it is not given); what those that worked returned."""
    count = options.runs if count is None else count
    found: list[Sample] = []
    failed = 0
    for number in range(1, count + 1):
        if failed == TOO_MANY:
            break
        try:
            found.append(one())
            options.say(f"{name}: {number} of {count}: {found[-1]}")
        except (
            AssertionError,
            LbrouterError,
            OSError,
            RuntimeError,
            subprocess.SubprocessError,
        ) as error:
            failed += 1
            options.say(f"{name}: {number} of {count} failed: {error}")
            sys.stderr.write(f"{name}: run {number} failed: {error}\n")
    return found
