"""A real encoder and a real ingest: ffmpeg pushes RTMP, nginx-rtmp records what comes.

The clip is encoded once, at a constant rate, and pushed at the speed of life; so a run costs little
processor time, and how many frames there are is known. The encoder does not connect again.
"""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.live_streams.numbered_datagrams import INGEST_ADDRESS
from tests.kit.live_streams.recordings import GrowthWatch, video_frame_count
from tests.kit.wait import VM_SLOWDOWN, eventually

RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
RTMP_PORT = 1935
FRAMES_PER_SECOND = 30
ENCODER_END_TIMEOUT_S = 60.0

INGEST_CONFIG = """
load_module {module};
user root;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    access_log {folder}/access.log;
    server {{
        listen {address}:{port};
        application live {{ live on; record all; record_path {folder}; record_unique on; }}
    }}
}}
"""

CLIP_ARGV = (
    *("ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"),
    "testsrc2=size=640x360:rate={fps}:duration={seconds}",
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "{fps}"),
    *("-b:v", "{rate}", "-minrate", "{rate}", "-maxrate", "{rate}", "-bufsize", "400k"),
    *("-x264-params", "nal-hrd=cbr:force-cfr=1", "-f", "flv", "{path}"),
)


def missing_rtmp_programs() -> str:
    """What is not installed of an encoder and an ingest; empty where all is there."""
    missing = [name for name in ("ffmpeg", "nginx") if shutil.which(name) is None]
    missing += [] if RTMP_MODULE.exists() else ["libnginx-mod-rtmp"]
    return ", ".join(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtmpOutcome:
    """What the ingest has of a clip, and how the encoder ended: "" = at the clip's end.

    `stall_s` is the longest time in which the recording did not grow; what is missing at the end
    counts as well.
    """

    frames: int
    recorded: int
    connections: int
    stall_s: float
    ended: str

    def words(self) -> str:
        """For people."""
        how = f"; the encoder ended: {self.ended}" if self.ended else ""
        return (
            f"{self.recorded} of {self.frames} frames, {self.connections} connections, "
            f"longest stall {self.stall_s:.2f} s{how}"
        )


@cache
def encoded_clip(folder: Path, *, seconds: int, rate: str = "4M") -> Path:
    """A clip of a test picture, encoded at a constant rate."""
    path = folder / f"clip-{seconds}-{rate}.flv"
    values = {"fps": FRAMES_PER_SECOND, "seconds": seconds, "rate": rate, "path": path}
    subprocess.run([word.format(**values) for word in CLIP_ARGV], check=True, timeout=300)
    return path


class RtmpPush:
    """A push of a clip from a client to the lab's internet; it has begun when this is made."""

    def __init__(self, venue: Venue, vlan: str, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder
        folder.mkdir()
        self._start_ingest(venue)
        self.growth = GrowthWatch(folder, "*.flv")
        self.began_at = time.monotonic()
        target = f"rtmp://{INGEST_ADDRESS}:{RTMP_PORT}/live/show"
        argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(clip)]
        self.encoder = venue.client(vlan).start([*argv, "-c", "copy", "-f", "flv", target])

    def _start_ingest(self, venue: Venue) -> None:
        config = self.folder / "nginx.conf"
        places = {"folder": self.folder, "address": INGEST_ADDRESS, "port": RTMP_PORT}
        config.write_text(INGEST_CONFIG.format(module=RTMP_MODULE, **places), encoding="utf-8")
        argv = ["nginx", "-p", str(self.folder), "-c", str(config), "-e", "stderr"]
        self.ingest = venue.internet.start(argv)
        listening = ["ss", "-Hltn", f"sport = :{RTMP_PORT}"]
        assert eventually(lambda: bool(venue.internet.check_output(listening)), within_s=10)

    @property
    def is_recording(self) -> bool:
        """Whether frames have come for a second."""
        return len(self.growth.grew_at) > FRAMES_PER_SECOND // 2

    @property
    def is_pushing(self) -> bool:
        """Whether the encoder still runs."""
        return self.encoder.process.poll() is None

    def outcome(self, *, within_s: float = ENCODER_END_TIMEOUT_S) -> RtmpOutcome:
        """Wait for the encoder's end; then what the ingest has."""
        process = self.encoder.process
        try:
            _, said = process.communicate(timeout=within_s * VM_SLOWDOWN)
            ended = _last_words(said) if process.returncode else ""
        except subprocess.TimeoutExpired:
            ended = f"not within {within_s:.0f} s"
        frames = video_frame_count(self.clip)
        eventually(lambda: self._recorded() == frames, within_s=2)
        self.growth.stop()
        self.encoder.close()
        self.ingest.close()
        recorded = self._recorded()
        missing = (frames - recorded) / FRAMES_PER_SECOND
        return RtmpOutcome(
            frames=frames,
            recorded=recorded,
            connections=self._connections(),
            stall_s=max(self.growth.longest_stall_s(), missing),
            ended=ended,
        )

    def _recorded(self) -> int:
        return sum(video_frame_count(path) for path in self.folder.glob("*.flv"))

    def _connections(self) -> int:
        """By the ingest's own log: a client that connected is there whether it ended or not."""
        log = (self.folder / "error.log").read_text(encoding="utf-8")
        return len(re.findall(r"client connected", log))


def _last_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"
