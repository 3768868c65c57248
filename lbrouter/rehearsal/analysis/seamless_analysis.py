"""What the streams in a lane noticed of a fault: nothing, if it is as it should be. Pure."""

from collections.abc import Sequence

from lbrouter.model.config import Config
from lbrouter.rehearsal.analysis.fault_analysis import (
    FaultTimes,
    UplinkOf,
    longest_gap_ms,
    uplink_at,
)
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.report.seamless import SeamlessOutcome

SEAMLESS_GAP_LIMIT_MS = 500.0
"""The longest silence that an audience does not see: players hold more than that."""

USERSPACE_LOSS_PERCENT = 2.0
"""What wireguard-go may lose by itself on a busy machine; the kernel's WireGuard loses nothing."""

LAST_DATAGRAMS_S = 0.5
"""Datagrams of the last moment may still be on their way: they are not counted."""


def seamless_outcome(
    rows: Sequence[JsonRow], lanes: frozenset[str], moments: FaultTimes, where: UplinkOf
) -> SeamlessOutcome | None:
    """Read the rows of one policy (`streams.py`); None where no lane carried it at the fault."""
    streams = [row for row in rows if row["kind"] != "new"]
    inside = [row for row in streams if uplink_at(row, moments.began_at, where) in lanes]
    if not inside:
        return None
    end = moments.ended_at - LAST_DATAGRAMS_S
    sent = lost = 0
    for row in inside:
        if row["kind"] == "udp":
            numbers = {n for n, at in enumerate(row["sent"]) if moments.began_at <= at < end}
            sent += len(numbers)
            lost += len(numbers - set(row.get("numbers", ())))
    breaks = [at for row in inside for at, _ in row["breaks"] if at >= moments.began_at]
    return SeamlessOutcome(
        lane=uplink_at(inside[0], moments.began_at, where) or "",
        sent=sent,
        lost=lost,
        gap_ms=max(longest_gap_ms(row["times"], moments.began_at, end) for row in inside),
        connections=1 + len(breaks),
    )


def has_second_line(config: Config, lane: str) -> bool:
    """Whether two lines of a lane carry copies all the time: a metered one does not."""
    over = [config.uplinks[name] for name in config.uplinks[lane].over]
    return len([line for line in over if not line.metered]) > 1 or all(e.metered for e in over)


def seamless_violations(seen: SeamlessOutcome, *, userspace: bool) -> list[str]:
    """In words, what a stream in a lane must not notice and did; `userspace` = wireguard-go ran."""
    violations = []
    allowed = seen.sent * USERSPACE_LOSS_PERCENT / 100 if userspace else 0
    if seen.lost > allowed:
        violations.append(f"{seen.lost} of {seen.sent} datagrams lost in the lane")
    if seen.gap_ms > SEAMLESS_GAP_LIMIT_MS:
        violations.append(
            f"a stream in the lane was silent for {seen.gap_ms:.0f} ms,"
            f" allowed {SEAMLESS_GAP_LIMIT_MS:.0f} ms"
        )
    if seen.connections > 1:
        violations.append("the encoder's connection broke, in the lane")
    return violations
