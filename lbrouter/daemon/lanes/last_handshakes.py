"""When each lane had its last handshake: the clock is wrong where it is before that."""

from contextlib import suppress
from pathlib import Path

from lbrouter.model.config import Uplink
from lbrouter.services.lane_keys import LANES_DIRECTORY
from lbrouter.system import atomic_file

SAVE_INTERVAL_S = 60.0
"""There is a handshake every two minutes: each one is written once."""


class LastHandshakes:
    """A file for each lane below the state directory: seconds of the wall clock."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / LANES_DIRECTORY

    def load(self, lane: Uplink) -> float | None:
        """The moment of the last handshake; None where none is known."""
        with suppress(OSError, ValueError):
            return float(self._file(lane).read_text(encoding="ascii"))
        return None

    def save(self, lane: Uplink, moment: float) -> None:
        """Remember it. A disk that is full loses it, and nothing else.

        An earlier one counts as well: the relay was restarted, and accepted it.
        """
        known = self.load(lane)
        if known is not None and abs(moment - known) < SAVE_INTERVAL_S:
            return
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_file.replace(self._file(lane), f"{moment:.0f}\n".encode("ascii"))

    def _file(self, lane: Uplink) -> Path:
        return self._directory / f"{lane.name}.last-handshake"
