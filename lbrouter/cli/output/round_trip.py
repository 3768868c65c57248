"""The round trip of an uplink as screens show it."""

from lbrouter.compile.report.status_types import UplinkStatus
from lbrouter.model.health import UplinkState


def round_trip_ms(uplink: UplinkStatus) -> float | None:
    """The round trip; None for a line that carries nothing: the last figure would mislead."""
    carries_nothing = uplink["state"] in (UplinkState.DOWN, UplinkState.WAITING)
    return None if carries_nothing else uplink["rtt_ms"]
