"""The two directions of traffic."""

from enum import StrEnum


class Direction(StrEnum):
    """A direction of traffic, seen from the clients."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
