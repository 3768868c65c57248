"""Memory: gives back to the system what only the start needed."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

GC_THRESHOLD_OBJECTS: Final = 2_000
"""Objects between two garbage collections: netlink messages and tasks form reference cycles, and
what is not collected stays resident."""


def freeze_startup_heap() -> None:
    """Collect the garbage of the start; from now on only new objects are examined.

    A command never collects (`cli.main` switches that off), since it ends soon. The objects that
    exist now, modules and the configuration, live as long as the process (gc.freeze).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 10, 10)
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
