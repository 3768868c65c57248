"""Rates, times and percentages: whole numbers inside, strings with a unit in the file.

All arithmetic is on integers, so a value is read exactly or refused, and what `str` writes reads
back as the same value.
"""

import re
from collections.abc import Mapping
from typing import Final, Self

from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.unit_hints import refusal
from lbrouter.model.validated_strings import InvalidValueError

NUMBER_PATTERN: Final = r"[0-9]{1,12}(\.[0-9]{1,12})?"
_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?([A-Za-z%/]*)")

RATE_UNITS_BPS: Final = {"gbit": 10**9, "mbit": 10**6, "kbit": 10**3, "bit": 1}
DURATION_UNITS_MS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
PERCENT_UNITS: Final = {"%": 100}

ACCEPTED_RATE: Final = 'a number with bit, kbit, mbit or gbit, such as "12.5mbit"'
ACCEPTED_DURATION: Final = 'a number with ms, s, m or h, such as "200ms" or "5m"'
ACCEPTED_PERCENT: Final = 'a number with %, from "0%" to "100%", such as "2%"'


class Rate(int):
    """A data rate in bits per second; prefixes are decimal, as in the field (1 kbit = 1000 bit)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rate that `text` ("12.5mbit") writes. Raises ValueError with the reason."""
        return cls(
            _parse_scaled(text, RATE_UNITS_BPS, what=phrase("a rate"), accepted=ACCEPTED_RATE)
        )

    def __str__(self) -> str:
        """The shortest exact text; of two equally short ones, the one without a decimal point."""
        forms = [f"{_format_decimal(self, scale)}{unit}" for unit, scale in RATE_UNITS_BPS.items()]
        return min(forms, key=lambda form: (len(form), "." in form))

    def __repr__(self) -> str:
        return f"Rate({str(self)!r})"


class Duration(int):
    """A time span in milliseconds."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The time that `text` ("200ms") writes. Raises ValueError with the reason."""
        return cls(
            _parse_scaled(
                text, DURATION_UNITS_MS, what=phrase("a time"), accepted=ACCEPTED_DURATION
            )
        )

    @property
    def seconds(self) -> float:
        """The same in seconds, for timers."""
        return int(self) / 1000

    def __str__(self) -> str:
        """The largest unit that leaves a whole number: "90s", "200ms", "2h"; zero is "0s"."""
        if self == 0:
            return "0s"
        unit = next(unit for unit, scale in DURATION_UNITS_MS.items() if self % scale == 0)
        return f"{int(self) // DURATION_UNITS_MS[unit]}{unit}"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


class Percent(int):
    """A percentage in hundredths of a percent: 2 % is 200."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The percentage that `text` ("2%") writes. Raises ValueError with the reason."""
        value = cls(
            _parse_scaled(
                text, PERCENT_UNITS, what=phrase("a percentage"), accepted=ACCEPTED_PERCENT
            )
        )
        if value > 10_000:
            raise InvalidValueError("is more than 100%", ACCEPTED_PERCENT)
        return value

    @property
    def percent(self) -> float:
        """The same as a number of percent: 2.0 for "2%"."""
        return int(self) / 100

    def __str__(self) -> str:
        return f"{_format_decimal(self, 100)}%"

    def __repr__(self) -> str:
        return f"Percent({str(self)!r})"


def _parse_scaled(text: str, units: Mapping[str, int], *, what: str, accepted: str) -> int:
    """The whole number of smallest units in `text`, exactly; raises `InvalidValueError`."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or match[3] not in units:
        raise InvalidValueError(refusal(text, units, what=what), accepted)
    whole, fraction, unit = match[1], match[2] or "", match[3]
    finest: int = 10 ** len(fraction)
    scaled, rest = divmod(int(whole + fraction) * units[unit], finest)
    if rest:
        smallest = min(units, key=lambda unit: units[unit])
        raise InvalidValueError(
            phrase(
                "is finer than {what} can be in this file ({smallest} at best)",
                what=as_phrase(what),
                smallest=smallest,
            ),
            accepted,
        )
    return scaled


def _format_decimal(value: int, scale: int) -> str:
    """`value / scale` as the shortest exact decimal; `scale` is a power of ten."""
    whole, rest = divmod(int(value), scale)
    digits = str(scale + rest)[1:].rstrip("0")
    return f"{whole}.{digits}" if digits else f"{whole}"
