"""Memory: what the start needed and the days after it do not, given back."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

GC_THRESHOLD_OBJECTS: Final = 2_000
"""Objects between two looks for garbage: netlink messages and tasks refer to each other in rings,
and what is not collected stays resident."""


def freeze_startup_heap() -> None:
    """Collect what the start left behind, and look for garbage from now on among the new alone.

    A command never looks (`cli.main` sees to that), for it ends soon. What lives by now, modules
    and the configuration, lives as long as the process (gc.freeze).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 10, 10)
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
