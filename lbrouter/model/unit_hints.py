"""Why a number with a unit is not taken, and what to write instead, where that is plain."""

import re
from collections.abc import Mapping
from typing import Final

from lbrouter.model.messages.phrase import as_phrase, phrase

NUMBER_AND_REST: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)([A-Za-z%/]*)")

BYTE_UNIT: Final = re.compile(r"([kKMG])(?:i?B|i?Bps|i?B/s|bytes?|Bytes?|bytes?/s)")
"""Bytes and not bits. What is written with a small b is taken for bits, as in data sheets."""

BYTE_UNIT_MEANINGS: Final = {"k": "kbit", "m": "mbit", "g": "gbit"}

# What other tools and data sheets write.
UNIT_ALIASES: Final = {
    **{f"{p}{s}": f"{p}bit" for p in "kmg" for s in ("", "b", "bps", "bits", "bit/s", "bits/s")},
    "bps": "bit", "sec": "s", "secs": "s", "min": "m", "mins": "m", "msec": "ms", "hours": "h",
}  # fmt: skip

SPACE_NAMES: Final = {"\t": phrase("tab"), "\n": phrase("line break"), "\r": phrase("line break")}

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
        return (
            phrase("has a {space} in it", space=as_phrase(_space_name(text)))
            if text.split()[1:]
            else phrase("is not {what}", what=as_phrase(what))
        )
    number, unit = match[1], match[2]
    if "bit" in units and (byte_unit := BYTE_UNIT.fullmatch(unit)):
        # It may be meant so, or be a slip for bits. The two differ by eight.
        meant = BYTE_UNIT_MEANINGS[byte_unit[1].lower()]
        bits = f"{float(number) * 8:.12g}"
        return phrase(
            'has the unit "{unit}", which counts bytes: for a line of {number}'
            ' {prefix}bit/s write "{number}{meant}"; {number} {prefix}byte/s are'
            ' "{bits}{meant}"',
            unit=unit,
            number=number,
            prefix=meant[0].upper(),
            meant=meant,
            bits=bits,
        )
    # The other reading of a comma before three digits: 1,000 may be one, or a thousand.
    whole, _, behind = number.partition(".")
    is_ambiguous = "," in text and len(behind) == THOUSANDS_DIGITS
    also = (
        phrase(' or "{whole}{behind}{unit}", as it is meant', whole=whole, behind=behind, unit=unit)
        if is_ambiguous
        else ""
    )
    return phrase(
        "{fault}{correction}{also}",
        fault=_fault(text, unit),
        correction=_correction(number, unit, units),
        also=also,
    )


def _fault(text: str, unit: str) -> str:
    if "," in text:
        return phrase("has a comma")
    if text != "".join(text.split()):
        return phrase("has a {space} in it", space=as_phrase(_space_name(text)))
    return (
        phrase('has the unit "{unit}" that is not known', unit=unit)
        if unit
        else phrase("has no unit")
    )


def _space_name(text: str) -> str:
    """What stands in `text` where no space may stand."""
    return next((name for char, name in SPACE_NAMES.items() if char in text), phrase("space"))


def _correction(number: str, unit: str, units: Mapping[str, int]) -> str:
    """The text to write; "" where the unit says nothing."""
    meant = UNIT_ALIASES.get(unit.lower(), unit.lower())
    if not unit:
        meant = USUAL_UNIT[min(units, key=lambda unit_name: units[unit_name])]
        return phrase(': write "{number}{meant}", say', number=number, meant=meant)
    return phrase(': write "{number}{meant}"', number=number, meant=meant) if meant in units else ""
