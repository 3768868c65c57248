"""Waiting for something to become true, with a deadline."""

import os
import threading
import time
from collections.abc import Callable

_PAUSE = threading.Event()
"""Never set: waiting for it is the pause between two checks."""

VM_SLOWDOWN = 4 if os.environ.get("LBROUTER_INSIDE_VM") else 1
"""Times as long as elsewhere: a program's start takes seconds on an emulated processor."""


def eventually(holds: Callable[[], bool], *, within_s: float = 5.0) -> bool:
    """Poll until `holds` or the time is over; whether it held."""
    until = time.monotonic() + within_s * VM_SLOWDOWN
    while not holds():
        if time.monotonic() > until:
            return False
        _PAUSE.wait(0.02)
    return True
