"""What the streams in a lane noticed of each fault, as a table."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from lbrouter.rehearsal.lab.faults import FAULT_TITLES
from lbrouter.rehearsal.report.judgement import CHECK_VERDICT_STYLES

if TYPE_CHECKING:
    from lbrouter.rehearsal.report.rows import FaultRow


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


def seamless_table(rows: Iterable["FaultRow"]) -> Table | None:
    """A row for each fault and policy whose streams were in a lane; None without one."""
    carried = [(row, row.seamless) for row in rows if row.seamless is not None]
    if not carried:
        return None
    table = Table(title="seamless: the streams in a lane", title_justify="left", title_style="bold")
    for heading in ("fault", "policy", "by", "datagrams lost", "longest gap", "connections", ""):
        table.add_column(heading, overflow="fold")
    for row, seen in carried:
        texts = (f"{row.uplink}: {FAULT_TITLES[row.fault]}", row.policy, seen.lane)
        figures = (f"{seen.lost} of {seen.sent}", f"{seen.gap_ms:.0f} ms", str(seen.connections))
        verdict = Text(row.verdict, style=CHECK_VERDICT_STYLES[row.verdict])
        table.add_row(*map(Text, (*texts, *figures)), verdict)
    return table
