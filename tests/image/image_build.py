"""The package and the disk image, built while cheaper rings run: those leave a processor free."""

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD_COMMAND = "tools/build-deb.sh && exec tools/build-image.sh"


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """`tools/build-deb.sh` and `tools/build-image.sh`, begun and in a session of their own."""

    process: "subprocess.Popen[bytes]"
    log: Path = field(repr=False)

    @classmethod
    def start(cls) -> "ImageBuild":
        """Start it; what it says goes to a file."""
        handle, log = tempfile.mkstemp(prefix="lbr-build-")
        with os.fdopen(handle, "wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", BUILD_COMMAND],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        return cls(process, Path(log))

    def wait(self) -> tuple[int, str]:
        """Wait for its end; the exit code, and the last of what it said."""
        code = self.process.wait()
        return code, self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def close(self) -> None:
        """End it unless it was waited for, and delete its output."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()
        self.log.unlink(missing_ok=True)
