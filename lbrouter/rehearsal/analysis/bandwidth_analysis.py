"""Rates and delays out of the records of a load, and what a VLAN may expect. Pure."""

import math
import statistics
from collections.abc import Iterable, Iterator

from lbrouter.model.config import Config, PolicyMode, Vlan
from lbrouter.model.field_types import MIN_RATE
from lbrouter.rehearsal.analysis.expected import Way
from lbrouter.rehearsal.lab.process import Row
from lbrouter.rehearsal.report.judgement import Verdict
from lbrouter.rehearsal.report.rows import BandwidthRow, Direction

WIRE = 1448 / 1514
"""What TCP delivers of a rate that counts Ethernet frames, as the file's rates do."""

KEPT = 0.97
"""A guarantee counts as kept from this part on: 99 %, and 2 % for a window of 1.3 s that cuts
bursts at both ends."""

USABLE = 0.95
"""Of a line's rate, what its classes give out."""

OFFERED = 1.5
"""Times what the lines carry: the load of a VLAN that is alone."""

TOO_FAST_BPS = 400_000_000
"""Lines that are faster together are not judged: the lab's programs might be what is slow."""


def guarantee(vlan: Vlan, direction: Direction) -> int:
    """Bits per second, 0 for none (and for the least that the model gives everybody)."""
    band = vlan.upload if direction is Direction.UP else vlan.download
    return int(band.guaranteed) if band is not None and band.guaranteed > MIN_RATE else 0


def has_guarantee(vlan: Vlan) -> bool:
    """In either direction."""
    return any(guarantee(vlan, direction) for direction in Direction)


def rate_bps(flows: Iterable[Row], begin: float, end: float) -> float:
    """Payload that arrived between two moments, in bits per second."""
    came = (
        (at, size) for row in flows for at, size in zip(row["times"], row["sizes"], strict=True)
    )
    total = float(sum(size for at, size in came if begin <= at < end))
    return 8 * total / (end - begin)


def p95_ms(rows: Iterable[Row], begin: float, end: float) -> float:
    """The round trip that 95 % of the probes sent between two moments kept; a lost one never."""
    for row in rows:
        if row["kind"] == "probe":
            found = sorted(rtt for sent, rtt in row["rtts"] if begin <= sent < end)
            due = max(1, round(row["sent"] * (end - begin) / _span(row)))
            place = math.ceil(0.95 * due) - 1
            return found[place] if place < len(found) else math.inf
    return math.inf


def _span(row: Row) -> float:
    """Seconds over which a probe was sent."""
    times = [sent for sent, _ in row["rtts"]]
    return max(times) - min(times) + 0.02 if times else math.inf


def median_ms(rows: Iterable[Row]) -> float:
    """The median round trip of a probe, 0 where nothing came back."""
    found = [rtt for row in rows if row["kind"] == "probe" for _, rtt in row["rtts"]]
    return statistics.median(found) if found else 0.0


def offer(config: Config, way: Way, direction: Direction) -> float:
    """What a VLAN alone asks for, in bits per second; 0 for as fast as it goes.

    More than its lines carry, but not without bound: the far end of the rehearsal is so near that
    TCP's slow start would overrun every queue, and a short window would see little but the repair.
    """
    policy = config.policies[way.policy]
    rates = [_rate(config, name, direction) for name in policy.uplinks]
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return 0.0
    return OFFERED * (sum(known) if policy.mode is PolicyMode.BALANCE else max(known))


def _rate(config: Config, uplink: str, direction: Direction) -> int:
    """Of a line, in bits per second; 0 where the file does not say."""
    line = config.uplinks[uplink]
    return int((line.upload if direction is Direction.UP else line.download) or 0)


def excuse(config: Config, way: Way, situation: str, direction: Direction) -> str:
    """Why a guarantee may be missed without fault; "" where it must be kept.

    It must be kept as long as all guarantees together fit into each line that the policy has left.
    """
    names = config.policies[way.policy].uplinks
    left = [name for name in names if not situation.startswith(f"without {name},")]
    rates = [_rate(config, name, direction) for name in left]
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return "a line without a rate is not shaped"
    if sum(known) > TOO_FAST_BPS:
        return "the lines are too fast for this machine to judge"
    promised = sum(guarantee(vlan, direction) for vlan in config.vlans.values())
    if not known or promised > USABLE * min(known):
        return "the guarantees do not all fit into what is left"
    return ""


def verdict_of(rate: float, promised: int, excuse: str) -> tuple[Verdict, str]:
    """Whether a guarantee was kept, and what is short in words."""
    if not promised:
        return Verdict.INFO, ""
    if rate >= KEPT * promised:
        return Verdict.PASS, ""
    short = f"short by {(promised - rate) / 1e6:.1f} Mbit/s"
    return (Verdict.INFO, f"{short}: {excuse}") if excuse else (Verdict.FAIL, short)


def ordered(rows: Iterable[BandwidthRow]) -> Iterator[BandwidthRow]:
    """By VLAN and direction, in the order of the file."""
    found = list(rows)
    vlans = list(dict.fromkeys(row.vlan for row in found))
    ways = list(Direction)
    yield from sorted(found, key=lambda row: (vlans.index(row.vlan), ways.index(row.direction)))
