"""Recordings that a server writes while a stream comes in: their frames, and when they grew."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

FLV_HEADER_BYTES = 13
FLV_TAG_HEADER_BYTES = 11
FLV_VIDEO_TAG = 9
AVC_FRAME = 1
"""Second byte of a video tag of AVC: a frame; 0 is the decoder's configuration. From Adobe's
"Video File Format Specification", version 10.1."""

LOOK_INTERVAL_S = 0.01


def video_frame_count(path: Path) -> int:
    """How many whole video frames an FLV file holds."""
    return sum(1 for kind, body in _flv_tags(path.read_bytes()) if _is_frame(kind, body))


def _is_frame(kind: int, body: bytes) -> bool:
    return kind == FLV_VIDEO_TAG and len(body) > 1 and body[1] == AVC_FRAME


def _flv_tags(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The type and the body of each whole tag."""
    place = FLV_HEADER_BYTES
    while place + FLV_TAG_HEADER_BYTES <= len(data):
        begin = place + FLV_TAG_HEADER_BYTES
        end = begin + int.from_bytes(data[place + 1 : place + 4], "big")
        if end > len(data):
            return
        yield data[place] & 0x1F, data[begin:end]
        place = end + 4  # the size of this tag, again


class GrowthWatch:
    """Looks a hundred times a second at how large the recordings of a folder are, until `stop`."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder, self.pattern = folder, pattern
        self.grew_at: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        size = 0
        while not self._ended.wait(LOOK_INTERVAL_S):
            now = sum(path.stat().st_size for path in self.folder.glob(self.pattern))
            if now > size:
                self.grew_at.append(time.monotonic())
            size = now

    def stop(self) -> None:
        """No more looks."""
        self._ended.set()
        self._thread.join()

    def longest_stall_s(self) -> float:
        """The longest time between two growths; infinity where there were none."""
        return max((b - a for a, b in itertools.pairwise(self.grew_at)), default=float("inf"))
