"""The stamp of an entry of the timeline, and of a document."""

from datetime import UTC, datetime


def utc_timestamp(*, precision: str = "milliseconds") -> str:
    """Now, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
