"""Whether the clock of this machine is in sync, as the kernel was told by an NTP program."""

import ctypes
from typing import Final

TIMEX_BYTES: Final = 512
"""More than struct timex has (208); its first field, `modes`, is 0: nothing is set."""
TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""


def clock_synchronised() -> bool | None:
    """Whether it is; None where the kernel does not tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = int(libc.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return None if state < 0 else state != TIME_ERROR
