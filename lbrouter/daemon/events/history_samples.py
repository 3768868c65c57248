"""The samples of the history, for the report."""

from dataclasses import fields
from pathlib import Path

from lbrouter.compile.event_report.report_facts import QualitySample, TrafficAmount
from lbrouter.daemon.events.history import select_rows


def traffic_since(state_dir: Path, since: str) -> list[TrafficAmount]:
    """What uplinks and VLANs carried since `since` (RFC 3339, UTC), oldest first."""
    names = [each.name for each in fields(TrafficAmount)]
    query = f"SELECT {', '.join(names)} FROM traffic WHERE at >= :since ORDER BY id"  # noqa: S608
    rows = select_rows(state_dir, query, {"since": since})
    return [TrafficAmount(**dict(zip(names, row, strict=True))) for row in rows]


def quality_since(state_dir: Path, since: str) -> list[QualitySample]:
    """How the uplinks were doing since `since` (RFC 3339, UTC), oldest first."""
    query = "SELECT at, uplink, rtt_ms, loss_percent FROM sample WHERE at >= :since ORDER BY id"
    rows = select_rows(state_dir, query, {"since": since})
    return [
        QualitySample(at=at, uplink=uplink, rtt_ms=rtt_ms, loss_percent=loss)
        for at, uplink, rtt_ms, loss in rows
    ]
