"""Where the files of one gateway are."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the file and the directories are."""

    config: Path
    state_dir: Path
    runtime_dir: Path
