"""Waiting for something to become true, with a deadline."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = threading.Event()
"""Never set: waiting for it is the pause between two checks."""

VM_SLOWDOWN = 4 if os.environ.get("LBROUTER_INSIDE_VM") else 1
"""Times as long as elsewhere: a program's start takes seconds on an emulated processor."""

POLL_S = 0.002
LOOP_TIMEOUT_S = 20.0
"""Within a running loop, where nothing but the test itself runs."""


def eventually(holds: Callable[[], bool], *, within_s: float = 5.0) -> bool:
    """Poll until `holds` or the time is over; whether it held."""
    until = time.monotonic() + within_s * VM_SLOWDOWN
    while not holds():
        if time.monotonic() > until:
            return False
        _PAUSE.wait(0.02)
    return True


async def becomes_true(what: Callable[[], T], seen: Callable[[], object] = lambda: "") -> T:
    """In a running loop: the value of `what()` as soon as it is true.

    Raises AssertionError after `LOOP_TIMEOUT_S`, with what `seen` then returns.
    """
    until = time.monotonic() + LOOP_TIMEOUT_S * VM_SLOWDOWN
    while not (found := what()):
        assert time.monotonic() < until, f"never came: {seen()}"
        await asyncio.sleep(POLL_S)
    return found
