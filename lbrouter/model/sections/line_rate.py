"""The rate of a line or a VLAN: what HTB can shape."""

from typing import Final

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Rate
from lbrouter.model.validated_strings import InvalidValueError

MIN_RATE: Final = Rate(8_000)
"""HTB counts in bytes a second and in microseconds: below this its arithmetic is too coarse."""

MAX_RATE: Final = Rate(100 * 10**9)


def parse_line_rate(value: str) -> Rate:
    """A rate within what HTB can shape."""
    rate = Rate.parse(value)
    if rate < MIN_RATE:
        raise InvalidValueError(
            "is less than HTB can shape",
            phrase("{low} to {high}", low=MIN_RATE, high=MAX_RATE),
        )
    if rate > MAX_RATE:
        raise InvalidValueError(
            "is more than any line carries",
            phrase("{low} to {high}", low=MIN_RATE, high=MAX_RATE),
        )
    return rate
