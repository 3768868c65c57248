"""What the streams in a lane noticed of a fault."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamlessOutcome:
    """What the streams of one policy in the lane `lane` saw while a fault came and went.

    `lost` of `sent` one-way datagrams never came, `gap_ms` is the longest silence of any stream,
    `connections` counts those of the encoder, the first one too.
    """

    lane: str
    sent: int
    lost: int
    gap_ms: float
    connections: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self) | {"gap_ms": round(self.gap_ms, 1)}
