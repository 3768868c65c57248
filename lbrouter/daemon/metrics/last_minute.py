"""The last minute of each uplink, second by second, for the screen."""

from collections import deque
from typing import Final, TypedDict

from lbrouter.compile import health
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.model.health import UplinkState

LAST_MINUTE_S: Final = 60


class UplinkSecond(TypedDict):
    """One second of an uplink: its state, the loss within it, the round trip as smoothed."""

    state: str
    loss_percent: float | None
    rtt_ms: float | None


class LastMinute:
    """Sixty samples of each uplink, oldest first."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[UplinkSecond]] = {}

    def record(self, tracker: HealthTracker) -> None:
        """Record this second. An uplink that is no longer in the file is dropped."""
        before = self._seconds
        self._seconds = {
            n: before.get(n, deque(maxlen=LAST_MINUTE_S)) for n in tracker.config.uplinks
        }
        for name, seconds in self._seconds.items():
            readings = health.uplink_readings(tracker.state, name)
            state = tracker.health.uplinks[name].state
            dead = state in (UplinkState.DOWN, UplinkState.WAITING)
            seconds.append(
                {
                    "state": str(state),
                    "loss_percent": readings.loss_1s_percent,
                    "rtt_ms": None if dead else readings.rtt_ms,
                }
            )

    def as_json(self) -> dict[str, list[UplinkSecond]]:
        """By uplink, oldest second first."""
        return {name: list(seconds) for name, seconds in self._seconds.items()}
