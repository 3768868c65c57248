"""The options of the benchmarks on the command line."""

import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """How much to do. `progress` is a file that grows while a long run goes on."""

    runs: int = 20
    minutes: float = 10.0
    upload: bool = False
    download: bool = False
    count: int = 200
    seed: int = 0
    clip_seconds: int = 60
    peers: bool = True
    progress: Path = Path(".cache/bench-progress.log")
    began: float = field(default_factory=time.monotonic)

    def log_progress(self, words: str) -> None:
        """One line of progress, with the seconds since the beginning."""
        self.progress.parent.mkdir(parents=True, exist_ok=True)
        with self.progress.open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self.began:8.1f} {words}\n")
