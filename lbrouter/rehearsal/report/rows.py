"""The rows of a rehearsal with measured values: faults, and bandwidth."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from lbrouter.model.direction import Direction
from lbrouter.rehearsal.lab.faults import FAULT_TITLES, ExpectedReaction, Fault
from lbrouter.rehearsal.report.judgement import CHECK_VERDICT_STYLES, CheckVerdict
from lbrouter.rehearsal.report.seamless import SeamlessOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """What the flows of one policy saw of one fault of one uplink; times in milliseconds.

    See `fault_analysis.FaultOutcome` for the values; `detected_ms` is from the fault to the
    daemon's first event about the uplink. `policy` is "" if the fault was not injected; `note`
    says why. `seamless` is what its streams noticed in a lane, None where none carried them.
    """

    uplink: str
    fault: Fault
    verdict: CheckVerdict
    note: str
    policy: str = ""
    duty: ExpectedReaction = ExpectedReaction.ANY
    detected_ms: float | None = None
    moved_ms: float | None = None
    left: bool = False
    refused: bool = False
    gaps_ms: Mapping[str, float] = field(default_factory=dict)
    broken: int = 0
    back_ms: float | None = None
    seamless: SeamlessOutcome | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`: "never" stands for what did not happen, null for what was not asked."""
        document = asdict(self) | {"seamless": self.seamless and self.seamless.as_json()}
        document |= {"gaps_ms": {k: _json_number(v) for k, v in self.gaps_ms.items()}}
        return document | {
            key: _json_number(document[key]) for key in ("detected_ms", "moved_ms", "back_ms")
        }


def _json_number(value: float | None) -> float | str | None:
    if value is None:
        return None
    return "never" if math.isinf(value) else round(value, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthRow:
    """What one VLAN got in one direction and situation.

    Rates in bits per second, as the file counts them (Ethernet frames); `added_ms` is the 95th
    percentile of the round trip less its median on idle lines. None where nothing was measured.
    """

    vlan: str
    direction: Direction
    situation: str
    guarantee_bps: int
    verdict: CheckVerdict
    note: str
    rate_bps: float | None = None
    added_ms: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        rate = None if self.rate_bps is None else round(self.rate_bps)
        return asdict(self) | {"rate_bps": rate, "added_ms": _json_number(self.added_ms)}


def bandwidth_table(rows: Iterable[BandwidthRow]) -> Table:
    """All bandwidth rows, a VLAN's directions together."""
    table = Table(title="bandwidth of the VLANs", title_justify="left", title_style="bold")
    for heading in ("VLAN", "direction", "", "rate", "guarantee", "p95 added", "verdict"):
        table.add_column(heading, overflow="fold")
    last: tuple[str, str] | None = None
    for row in rows:
        named = (row.vlan, row.direction)
        texts = [*(named if named != last else ("", "")), row.situation, _rate_text(row.rate_bps)]
        lost = row.added_ms is not None and math.isinf(row.added_ms)
        texts += [_rate_text(row.guarantee_bps or None)]
        texts += ["5 % lost" if lost else duration_text(row.added_ms)]
        table.add_row(*map(Text, texts), Text(row.verdict, style=CHECK_VERDICT_STYLES[row.verdict]))
        last = named
    return table


def _rate_text(rate: float | None) -> str:
    return "-" if rate is None else f"{rate / 1e6:.1f} Mbit/s"


def fault_tables(rows: Iterable[FaultRow]) -> Iterator[Table]:
    """A table for each uplink."""
    for uplink, own_rows in groupby(rows, key=lambda row: row.uplink):
        table = Table(title=f"faults of {uplink}", title_justify="left", title_style="bold")
        for heading in ("fault", "policy", "must", "detected", "new flows elsewhere",
                        "gap: encoder", "UDP", "call", "broken", "back", "verdict"):  # fmt: skip
            table.add_column(heading, overflow="fold")
        last = None
        for row in own_rows:
            table.add_row(*_fault_cells(row, first=row.fault is not last), end_section=False)
            last = row.fault
        yield table


def seamless_table(rows: Iterable[FaultRow]) -> Table | None:
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


def _fault_cells(row: FaultRow, *, first: bool) -> Iterator[Text]:
    yield Text(FAULT_TITLES[row.fault] if first else "")
    if not row.policy:
        yield Text(row.note)
        yield from (Text("") for _ in range(8))
        yield Text(row.verdict, style=CHECK_VERDICT_STYLES[row.verdict])
        return
    yield Text(row.policy)
    yield Text(row.duty)
    yield Text(duration_text(row.detected_ms))
    if row.moved_ms is None:
        moved_text = "none here"
    elif row.refused:
        moved_text = "refused at once"
    else:
        moved_text = "stay" if math.isinf(row.moved_ms) else duration_text(row.moved_ms)
    yield Text(moved_text)
    for kind in ("push", "udp", "call"):
        yield Text(duration_text(row.gaps_ms.get(kind)))
    yield Text(str(row.broken))
    yield Text(duration_text(row.back_ms))
    yield Text(row.verdict, style=CHECK_VERDICT_STYLES[row.verdict])


def duration_text(ms: float | None) -> str:
    """Milliseconds as people read them."""
    if ms is None:
        return "-"
    if math.isinf(ms):
        return "no end"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
