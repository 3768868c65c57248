"""A clock that no change of the date moves and no suspend stops, and that says which boot it is.

CLOCK_BOOTTIME starts again with every boot (clock_gettime(2)), so a time names its boot.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class BootTime:
    """A point of time: the boot, and the seconds since."""

    boot: str
    seconds: float

    @staticmethod
    def now() -> "BootTime":
        """The current time."""
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
        return BootTime(boot=BOOT_ID_FILE.read_text(encoding="ascii").strip(), seconds=seconds)
