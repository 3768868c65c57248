"""The time zone in which people read times. A name of the IANA database, which the machine has."""

from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError

ACCEPTED_TIME_ZONE: Final = 'a name of the IANA database, such as "Asia/Jakarta" or "UTC"'

ABBREVIATIONS: Final = {
    "WIB": "Asia/Jakarta",
    "WITA": "Asia/Makassar",
    "WIT": "Asia/Jayapura",
    "CET": "Europe/Berlin",
    "SGT": "Asia/Singapore",
    "JST": "Asia/Tokyo",
}
"""What people call a zone, by the name that is meant. Only for the suggestion."""


def parse_time_zone(text: str) -> ZoneInfo:
    """The zone of this name."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise InvalidValueError(
            phrase("is not a time zone{hint}", hint=_suggestion(text)),
            ACCEPTED_TIME_ZONE,
        ) from None


def _suggestion(text: str) -> str:
    """The zone that is meant: by its abbreviation, its city alone, or the closest spelling."""
    known = sorted(available_timezones())
    if not known:
        return phrase(" of this machine, which has none at all: apt install tzdata")
    word = text[:64].strip().replace(" ", "_")
    cities = [name for name in known if name.rpartition("/")[2].lower() == word.lower()]
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    meant = [*filter(None, [ABBREVIATIONS.get(word.upper())]), *cities, *close]
    return phrase(', did you mean "{meant}"?', meant=meant[0]) if meant else ""
