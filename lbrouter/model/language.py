"""The languages that lbrouter speaks to people."""

from enum import StrEnum


class Language(StrEnum):
    """Languages by their ISO 639-1 codes."""

    EN = "en"
    ID = "id"
