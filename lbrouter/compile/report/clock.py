"""Moments of the timeline (RFC 3339, UTC) as a person reads them: in one zone, with seconds."""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo


def local_time(at: str, zone: tzinfo | None) -> str:
    """The time of day: "20:14:03". `zone` None is the machine's. Other text stays."""
    moment = _moment(at, zone)
    return at if moment is None else moment.strftime("%H:%M:%S")


def local_date_time(at: str, zone: tzinfo | None) -> str:
    """Day and time of day: "29 Nov 20:14:03". Other text stays."""
    moment = _moment(at, zone)
    return at if moment is None else moment.strftime("%d %b %H:%M:%S")


def zone_name(at: str, zone: tzinfo | None) -> str:
    """What a clock's zone is called at that moment: "WIB", or "UTC+05"; "" for other text."""
    moment = _moment(at, zone)
    name = "" if moment is None else moment.tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def zone_key(zone: ZoneInfo | None) -> str | None:
    """The name of a zone in a document ("Asia/Jakarta"); None is the machine's."""
    return None if zone is None else zone.key


def zone_of_key(key: str | None) -> ZoneInfo | None:
    """The zone that a document names; the machine's (None) where this machine does not know it."""
    try:
        return ZoneInfo(key) if key else None
    except (KeyError, ValueError, OSError):
        return None


def _moment(at: str, zone: tzinfo | None) -> datetime | None:
    try:
        return datetime.fromisoformat(at).astimezone(zone)
    except ValueError:
        return None
