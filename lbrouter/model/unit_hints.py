"""Why a number with a unit is not taken, and what to write instead, where that is plain."""

import re
from collections.abc import Mapping
from typing import Final

NUMBER_AND_REST: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)([A-Za-z%/]*)")

BYTE_UNIT: Final = re.compile(r"([kKMG])(?:i?B|i?Bps|i?B/s|bytes?|Bytes?|bytes?/s)")
"""Bytes and not bits. What is written with a small b is taken for bits, as in data sheets."""

BYTE_UNIT_MEANINGS: Final = {"k": "kbit", "m": "mbit", "g": "gbit"}

# What other tools and data sheets write.
UNIT_ALIASES: Final = {
    **{f"{p}{s}": f"{p}bit" for p in "kmg" for s in ("", "b", "bps", "bits", "bit/s", "bits/s")},
    "bps": "bit", "sec": "s", "secs": "s", "min": "m", "mins": "m", "msec": "ms", "hours": "h",
}  # fmt: skip

SPACE_NAMES: Final = {"\t": "tab", "\n": "line break", "\r": "line break"}

THOUSANDS_DIGITS: Final = 3

USUAL_UNIT: Final = {"bit": "mbit", "ms": "s", "%": "%"}
"""By the smallest unit of a kind, the one that is most often meant where none is written."""


def refusal(text: str, units: Mapping[str, int], *, what: str) -> str:
    """Why `text` is not `what` ("a rate"), with the text to write where it can be guessed.

    `units` are those of the file, by name. Call it only for a text that was refused.
    """
    plain = "".join(text.split()).replace(",", ".")
    match = NUMBER_AND_REST.fullmatch(plain)
    if match is None:
        return f"has a {_space_name(text)} in it" if text.split()[1:] else f"is not {what}"
    number, unit = match[1], match[2]
    if "bit" in units and (byte_unit := BYTE_UNIT.fullmatch(unit)):
        # It may be meant so, or be a slip for bits. The two differ by eight.
        meant = BYTE_UNIT_MEANINGS[byte_unit[1].lower()]
        bits = f"{float(number) * 8:.12g}"
        return (
            f'has the unit "{unit}", which counts bytes: for a line of {number}'
            f' {meant[0].upper()}bit/s write "{number}{meant}"; {number} {meant[0].upper()}byte/s'
            f' are "{bits}{meant}"'
        )
    # The other reading of a comma before three digits: 1,000 may be one, or a thousand.
    whole, _, behind = number.partition(".")
    is_ambiguous = "," in text and len(behind) == THOUSANDS_DIGITS
    also = f' or "{whole}{behind}{unit}", as it is meant' if is_ambiguous else ""
    return f"{_fault(text, unit)}{_correction(number, unit, units)}{also}"


def _fault(text: str, unit: str) -> str:
    if "," in text:
        return "has a comma"
    if text != "".join(text.split()):
        return f"has a {_space_name(text)} in it"
    return f'has the unit "{unit}" that is not known' if unit else "has no unit"


def _space_name(text: str) -> str:
    """What stands in `text` where no space may stand."""
    return next((name for char, name in SPACE_NAMES.items() if char in text), "space")


def _correction(number: str, unit: str, units: Mapping[str, int]) -> str:
    """The text to write; "" where the unit says nothing."""
    meant = UNIT_ALIASES.get(unit.lower(), unit.lower())
    if not unit:
        meant = USUAL_UNIT[min(units, key=lambda unit_name: units[unit_name])]
        return f': write "{number}{meant}", say'
    return f': write "{number}{meant}"' if meant in units else ""
